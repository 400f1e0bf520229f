"""Expressions mean what CEL says: compared with a second implementation, which shares no code with the first."""

from __future__ import annotations

import json
from typing import Any

import cel
import celpy
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from projects.blueprints.errors import ExpressionFailed
from projects.blueprints.expressions import compile_expression

CONTEXT: dict[str, Any] = {
    "inputs": {
        "n": 7,
        "m": -2,
        "z": 0,
        "d": 2.5,
        "w": 3.0,
        "s": "abc",
        "t": "b",
        "yes": True,
        "no": False,
        "nil": None,
    },
    "results": {"list": [1, 2, 3], "words": ["a", "b"], "deep": {"x": {"y": 4}}, "floats": [0.5, 1.5]},
}
ACTIVATION = {name: celpy.json_to_cel(value) for name, value in CONTEXT.items()}
FAILED = object()
ENVIRONMENT = celpy.Environment()

INTEGERS = st.sampled_from(
    ["inputs.n", "inputs.m", "inputs.z", "results.deep.x.y", "0", "1", "3", "(-5)", "size(results.list)"]
)
# Divided by what is not 0 only: where the specification has infinity, the other implementation has an error.
DOUBLES = st.sampled_from(
    ["inputs.d", "inputs.w", "0.5", "2.0", "(-1.5)", "results.floats[0]", "(inputs.w / 0.5)", "double(inputs.n)"]
)
WORDS = st.sampled_from(["inputs.s", "inputs.t", "'abc'", "'b'", "''", "results.words[1]"])
# Joined texts are compared and looked for, and not asked: the other implementation has no methods for them.
STRINGS = WORDS | st.just("'a' + inputs.t")
LISTS = st.sampled_from(["results.list", "[1, 2]", "results.list + [4]", "[]"])
COMPARISONS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])


def arithmetic(values: st.SearchStrategy[str], operators: str) -> st.SearchStrategy[str]:
    return st.recursive(
        values,
        lambda below: st.tuples(below, st.sampled_from(list(operators)), below).map(
            lambda p: f"({p[0]} {p[1]} {p[2]})"
        ),
        max_leaves=4,
    )


def compared(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(values, COMPARISONS, values).map(" ".join)


WHOLE, DECIMAL = arithmetic(INTEGERS, "+-*/%"), arithmetic(DOUBLES, "+-*")
CONDITIONS = st.recursive(
    st.one_of(
        compared(WHOLE),
        compared(DECIMAL),
        compared(STRINGS),
        st.sampled_from(
            ["inputs.yes", "inputs.no", "true", "false", "inputs.nil == null", "has(inputs.s)", "has(inputs.q)"]
        ),
        st.tuples(WORDS, st.sampled_from(["contains", "startsWith", "endsWith"]), STRINGS).map(
            lambda p: f"({p[0]}).{p[1]}({p[2]})"
        ),
        st.tuples(WHOLE, LISTS).map(lambda p: f"{p[0]} in {p[1]}"),
        st.tuples(LISTS, st.sampled_from(["all", "exists", "exists_one"]), INTEGERS).map(
            lambda p: f"({p[0]}).{p[1]}(i, i > {p[2]})"
        ),
    ),
    lambda below: st.one_of(
        below.map(lambda one: f"!({one})"),
        st.tuples(below, st.sampled_from(["&&", "||"]), below).map(lambda p: f"({p[0]}) {p[1]} ({p[2]})"),
        st.tuples(below, below, below).map(lambda p: f"({p[0]}) ? ({p[1]}) : ({p[2]})"),
    ),
    max_leaves=4,
)
EXPRESSIONS = st.one_of(
    CONDITIONS, WHOLE, DECIMAL, st.tuples(LISTS, WHOLE).map(lambda p: f"({p[0]}).map(i, i + {p[1]})")
)


def few_macros(source: str) -> bool:
    return sum(source.count(f").{name}(") for name in ("all", "exists", "exists_one", "map")) <= 2


def ours(source: str) -> Any:
    try:
        return compile_expression(source).evaluate(CONTEXT)
    except ExpressionFailed:
        return FAILED


def theirs(source: str) -> Any:
    try:
        value = ENVIRONMENT.program(ENVIRONMENT.compile(source)).evaluate(ACTIVATION)
    except celpy.CELEvalError:
        return FAILED
    return FAILED if isinstance(value, Exception) else json.loads(json.dumps(value, cls=celpy.CELJSONEncoder))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(EXPRESSIONS.filter(few_macros))
@example("inputs.n / inputs.m")
@example("inputs.m % 3")
@example("inputs.n / inputs.z == 1 || true")
@example("false && inputs.n / inputs.z == 1")
def test_both_give_the_same(source: str) -> None:
    mine, other = ours(source), theirs(source)
    if isinstance(mine, float) or isinstance(other, float):
        assert (mine is FAILED and _not_json(other)) or mine == pytest.approx(other)
    else:
        assert mine == other or (mine is FAILED and other is FAILED)


def _not_json(value: Any) -> bool:
    return value is FAILED or value != value or value in (float("inf"), float("-inf"))


@pytest.mark.parametrize(
    ("source", "expected"),
    [("inputs.n * 0.5", 3.5), ("inputs.d + 1", 3.5), ("inputs.n - inputs.d", 4.5), ("1 / inputs.d", 0.4)],
)
def test_the_one_thing_beyond_cel_is_arithmetic_of_whole_and_decimal_numbers(source: str, expected: float) -> None:
    with pytest.raises(TypeError):
        cel.evaluate(source, CONTEXT)
    assert ours(source) == pytest.approx(expected)
