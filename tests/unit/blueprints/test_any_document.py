"""Whatever the text, loading gives a blueprint or its mistakes; what was loaded can be written and loaded again."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from projects.blueprints.dump import dump_text
from projects.blueprints.errors import BlueprintInvalid, ExpressionFailed, ExpressionInvalid
from projects.blueprints.expressions import compile_expression, render
from projects.blueprints.load import Loaded, load_text
from projects.blueprints.schema import Blueprint

WORDS = [*Blueprint.model_fields, "key", "steps", "agent", "needs", "when", "for_each", "gate", "quality", "approval"]
WORDS += [
    "name",
    "check",
    "otherwise",
    "form",
    "properties",
    "type",
    "params",
    "retry",
    "timeout",
    "kind",
    "wait",
    "for",
]
TEXTS = [
    "a",
    "b",
    "object",
    "5m",
    "results.a.x > 1",
    "${inputs.a}",
    "${",
    "rework",
    "agent",
    "string",
    "$ref",
    "#/$defs/a",
]

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 10**6), st.floats(), st.text(max_size=8), st.sampled_from(TEXTS)
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda below: st.one_of(
        st.lists(below, max_size=4), st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), below, max_size=5)
    ),
    max_leaves=20,
)


def loads_or_says_why(source: str) -> Loaded | None:
    try:
        return load_text(source)
    except BlueprintInvalid as error:
        problems = error.problems
    assert problems
    assert all(problem.line >= 1 and problem.column >= 1 and problem.message for problem in problems)
    return None


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_a_blueprint_or_has_mistakes(source: str) -> None:
    loads_or_says_why(source)


@settings(deadline=None)
@given(st.text(alphabet=" \n-:[]{}&*!|>'\"%@`#,?ab1\t", max_size=60))
def test_any_yaml_is_a_blueprint_or_has_mistakes(source: str) -> None:
    loads_or_says_why(source)


@settings(max_examples=150, deadline=None)
@given(VALUES)
@example({"[key]": None})
@example({"phases": [{"gate": {"approval": {"evidence": {"": 1, "[key]": 2}}}}]})
def test_any_values_are_a_blueprint_or_have_mistakes(values: Any) -> None:
    loads_or_says_why(json.dumps(values))


KEYS = ["a", "b", "c", "d"]
EXPRESSIONS = ["true", "results.a.x > 1", "inputs.n > 1", "rework.round > 2", "results.b.items.all(i, i > 0)"]
STEP = st.fixed_dictionaries(
    {"key": st.sampled_from(KEYS), "agent": st.sampled_from(["x", "writer"])},
    optional={
        "title": st.text(max_size=10),
        "needs": st.lists(st.sampled_from(KEYS), max_size=2, unique=True),
        "params": st.dictionaries(st.text(max_size=5), VALUES, max_size=3),
        "when": st.sampled_from(EXPRESSIONS),
        "for_each": st.sampled_from(["results.a.items", "inputs.list"]),
        "timeout": st.sampled_from(["5m", 3, "1h30m", 0.5]),
        "retry": st.sampled_from([{}, {"max_attempts": 9}, {"base": "2s", "jitter": "none"}]),
        "queue": st.sampled_from(["cpu", "io"]),
        "on_failure": st.sampled_from(["fail", "continue", "skip_dependents"]),
    },
)
GATE = st.fixed_dictionaries(
    {},
    optional={
        "quality": st.just([{"name": "q", "check": "1 > 0", "otherwise": "rework"}]),
        "approval": st.just({"title": "t", "form": {"properties": {"h": {"type": "string"}}}, "content": {"h": "1e3"}}),
        "max_iterations": st.integers(2, 4),
    },
)
BLUEPRINTS = st.fixed_dictionaries(
    {
        "name": st.just("any"),
        "version": st.integers(1, 9),
        "title": st.text(min_size=1, max_size=20),
        "inputs": st.just({"properties": {"n": {"default": 1}, "list": {"default": []}}}),
        "phases": st.lists(
            st.fixed_dictionaries(
                {"key": st.sampled_from(["p", "q"]), "steps": st.lists(STEP, min_size=1, max_size=3)},
                optional={"gate": GATE},
            ),
            min_size=1,
            max_size=2,
        ),
    },
    optional={
        "defaults": st.sampled_from([{"timeout": "1m"}, {"retry": {"max_attempts": 1}}, {"queue": "io"}]),
        "variables": st.dictionaries(st.text(max_size=5), VALUES, max_size=2),
        "documents": st.just({"min": 1, "max": 3}),
    },
)


def titled(title: str) -> dict[str, Any]:
    return {
        "name": "any",
        "version": 1,
        "title": title,
        "phases": [{"key": "p", "steps": [{"key": "a", "agent": "x"}]}],
    }


@settings(max_examples=150, deadline=None)
@given(BLUEPRINTS)
@example(titled("a\x85b\u2028c\rd\ufeff"))
@example(titled("1e3"))
@example(titled("010"))
@example(titled("yes"))
@example(titled("2026-01-31"))
@example(titled("<<"))
def test_what_was_loaded_can_be_written_and_loaded_again(values: dict[str, Any]) -> None:
    loaded = loads_or_says_why(json.dumps(values))
    if loaded is None:
        return
    again = load_text(dump_text(loaded.blueprint))
    assert again.blueprint == loaded.blueprint
    assert again.digest == loaded.digest
    assert Blueprint.model_validate(loaded.blueprint.model_dump(mode="json")) == loaded.blueprint


def test_enough_of_those_blueprints_do_load() -> None:
    """Else the test above would say nothing."""
    loaded = []

    @settings(max_examples=100, database=None, derandomize=True, deadline=None)
    @given(BLUEPRINTS)
    def collect(values: dict[str, Any]) -> None:
        loaded.append(loads_or_says_why(json.dumps(values)) is not None)

    collect()
    assert sum(loaded) >= 5


PIECES = ["results", "inputs", ".", "a", "b", "[", "]", "(", ")", "{", "}", "1", "2.5", "'x'", "+", "-", "*", "/", "%"]
PIECES += [
    "==",
    "<",
    ">=",
    "&&",
    "||",
    "!",
    "?",
    ":",
    ",",
    " ",
    "map",
    "filter",
    "size",
    "has",
    "i",
    "in",
    "null",
    "true",
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=15).map("".join))
def test_any_expression_gives_a_value_or_says_why(source: str) -> None:
    context = {"results": {"a": [1, 2.5], "b": None}, "inputs": {"a": "x", "b": {"a": True}}}
    for attempt in (lambda: compile_expression(source).evaluate(context), lambda: render(f"x ${{{source}}}", context)):
        with suppress(ExpressionInvalid, ExpressionFailed):
            json.dumps(attempt(), allow_nan=False)
