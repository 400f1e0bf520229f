"""Expressions: what they give, what they refuse, and what they say when they fail."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from projects.blueprints.errors import ExpressionFailed, ExpressionInvalid
from projects.blueprints.expressions import compile_expression

CONTEXT: dict[str, Any] = {
    "inputs": {"product": "pump", "budget": 500, "share": 0.25, "big": 2**60 + 1},
    "results": {
        "market": {"confidence": 0.9, "whole": 3, "same": 1.0, "items": [1, 2, 3], "name": "Ann", "none": None},
        "skipped": None,
        "rivals": {"items": [{"name": "A", "score": 1}, {"name": "B", "score": 2.5}]},
        "odd": {"some-key": {"x": 1}},
    },
    "variables": {"limit": 3},
    "intent": "sell",
    "index": 2,
}

VALUES = [
    ("results.market.confidence >= 0.8", True),
    ("results.market.confidence >= 1", False),
    ("results.market.whole >= 1", True),
    ("results.market.whole >= 2.5", True),
    ("results.market.same == 1", True),
    ("1 in [results.market.same]", True),
    ("results.market.items == [1.0, 2, 3]", True),
    ("inputs.budget * 0.8", 400.0),
    ("inputs.budget * inputs.share + 1", 126.0),
    ("inputs.budget - 0.5", 499.5),
    ("7 / 2", 3),
    ("-7 / 2", -3),
    ("7 / 2.0", 3.5),
    ("7 / 2 + 0.5", 3.5),
    ("index % 2 == 0", True),
    ("'a' + 'b'", "ab"),
    ("[1] + [2.5]", [1, 2.5]),
    ("results.market.items", [1, 2, 3]),
    ("results.market.none", None),
    ("results.market.none == null", True),
    ("results.skipped == null", True),
    ("results.skipped != null && results.skipped.x > 1", False),
    ("has(results.market.nothing)", False),
    ("has(results.market.nothing) && results.market.nothing > 1", False),
    ('results.odd["some-key"].x == 1', True),
    ("results['market'].name", "Ann"),
    ("results.market.items[index]", 3),
    ("results.rivals.items.map(r, r.name)", ["A", "B"]),
    ("results.rivals.items.filter(r, r.score > 2)", [{"name": "B", "score": 2.5}]),
    ("results.rivals.items.map(r, r.score * 2)", [2, 5.0]),
    ("results.rivals.items.exists(r, r.score > variables.limit)", False),
    ("results.rivals.items.all(r, r.score > 0 && r.name != '')", True),
    ("has(results.rivals.items.map(r, r)[0].score)", True),
    ("has(results.rivals.items.map(r, r)[0].nothing)", False),
    ("results.market.items.exists_one(i, i == 2)", True),
    ("size(results.market.items) == 3 && intent.startsWith('s')", True),
    ("results.market.name.matches('^A(n+)$')", True),
    ("results.market.whole > 1 ? 'many' : 'few'", "many"),
    ("{'a': inputs.product, 'b': [null, true]}", {"a": "pump", "b": [None, True]}),
    ("string(inputs.budget) + ' EUR'", "500 EUR"),
    ("type(inputs.budget) == int", True),
    ("inputs.big", 2**60 + 1),
    ("timestamp('2026-01-02T00:00:00Z') > timestamp('2026-01-01T00:00:00Z')", True),
    ("1 // a remark\n + 1", 2),
]


@pytest.mark.parametrize(("source", "expected"), VALUES, ids=[source for source, _ in VALUES])
def test_an_expression_gives_what_a_reader_expects(source: str, expected: object) -> None:
    value = compile_expression(source).evaluate(CONTEXT)
    assert value == expected
    assert type(value) is type(expected)


FAILURES = [
    ("results.skipped.x > 1", "results.skipped is null: the step was skipped, failed, or gave nothing"),
    ("results.skipped.x", "results.skipped is null: the step was skipped, failed, or gave nothing"),
    ("results.market.confidense > 1", "results.market has no field 'confidense'. Did you mean 'confidence'?"),
    ("results.market.name.first == 'A'", "results.market.name is text and has no field 'first'"),
    ("results.market.items.first == 1", "results.market.items is a list and has no field 'first'"),
    ("results.market.none > 1", "results.market.none is null"),
    ("results.other", "results has no field 'other'"),
    ("item.x", "there is no 'item' where this expression stands"),
    ("results.market.items[9]", "the list has no such place: index out of bounds: 9"),
    ("results.rivals.items.map(r, r.nme)", "there is no field 'nme'"),
    ("inputs.budget + inputs.product", "do not fit together: inputs.budget is a number, inputs.product is text"),
    ("inputs.product < 3", "do not fit together: inputs.product is text"),
    ("inputs.budget / 0", "division by zero"),
    ("inputs.budget * 0.5 + 1 / 0", "division by zero"),
    ("9223372036854775807 + inputs.budget", "a whole number grew beyond 64 bits"),
    ("(9223372036854775807 + inputs.budget) * 0.5", "a whole number grew beyond 64 bits"),
    ("1.0 / 0.0", "inf is not a number that JSON can hold"),
    ("timestamp('2026-01-01T00:00:00Z')", "a value of type datetime is no JSON value: use string()"),
    ("b'x'", "a value of type bytes is no JSON value"),
    ("{1: 2}", "the key 1 of an object is no text"),
    ("int('x')", "int"),
    ("inputs.product.matches('(' + inputs.product)", "'(pump' is no pattern: unclosed group"),
    ("inputs.product.matches('(a{1000})' + '{1000}')", "is no pattern: Compiled regex exceeds size limit"),
    ("!inputs.product", "do not fit together"),
]


@pytest.mark.parametrize(("source", "expected"), FAILURES, ids=[source for source, _ in FAILURES])
def test_a_failure_names_the_expression_and_what_was_wrong(source: str, expected: str) -> None:
    with pytest.raises(ExpressionFailed) as failure:
        compile_expression(source).evaluate(CONTEXT)
    assert str(failure.value).startswith(f"The expression `{source}` failed: ")
    assert expected in str(failure.value)
    assert failure.value.details["expression"] == source


@pytest.mark.parametrize("source", ["1", "'true'", "results.market.items", "null", "results.market.none", "1.0"])
def test_only_true_and_false_are_conditions(source: str) -> None:
    with pytest.raises(ExpressionFailed, match="a condition is true or false, and this is"):
        compile_expression(source).check(CONTEXT)


@pytest.mark.parametrize("source", ["results.skipped.x > 1", "results.market.name > 1", "1 / 0 == 1", "item.x"])
def test_an_error_is_never_true(source: str) -> None:
    for condition in (source, f"!({source})", f"({source}) == ({source})"):
        with pytest.raises(ExpressionFailed):
            compile_expression(condition).check(CONTEXT)


def test_the_wrong_path_is_named_among_several() -> None:
    with pytest.raises(ExpressionFailed, match=r"results.market has no field 'b'"):
        compile_expression("has(results.market.a) || results.market.b > 1").check(CONTEXT)


REFUSED = [
    "__import__('os')",
    "results.__class__()",
    "open('x')",
    "inputs.x.format(1)",
    "optional.of(1)",
    "cel.bind(a, 1, a)",
    "results.?x",
    "Foo{a: 1}",
    "inputs.`a b`",
    "a.b",
    "",
    "  ",
    "// only a remark",
    "1 2",
    "in",
    "1e400",
    "99999999999999999999",
    "'\\q'",
    "inputs.product.matches('(')",
    "inputs.product.matches(r'(?=a)')",
    "x" * 1025,
    "[" * 500,
    "\x00",
]


@pytest.mark.parametrize("source", REFUSED, ids=[repr(source)[:30] for source in REFUSED])
def test_what_is_not_in_the_language_is_refused_before_it_runs(source: str) -> None:
    with pytest.raises(ExpressionInvalid) as refusal:
        compile_expression(source)
    assert len(str(refusal.value)) > 10


def test_hosts_objects_are_no_values() -> None:
    with pytest.raises(ExpressionFailed, match="_MainThread is no JSON value"):
        compile_expression("inputs.x").evaluate({"inputs": {"x": threading.current_thread()}})
    with pytest.raises(ExpressionFailed, match="function is no JSON value"):
        compile_expression("inputs.x == 1").evaluate({"inputs": {"x": lambda: 1}})
    with pytest.raises(ExpressionFailed, match="nan is not a number that JSON can hold"):
        compile_expression("inputs.x == 1").evaluate({"inputs": {"x": math.nan}})


@pytest.mark.parametrize("name", ["__class__", "__dict__", "__globals__"])
def test_no_attribute_of_a_value_can_be_reached(name: str) -> None:
    with pytest.raises(ExpressionFailed):
        compile_expression(f"results.market.{name}").evaluate(CONTEXT)
    with pytest.raises(ExpressionFailed):
        compile_expression(f"results.market.name.{name} == 1").evaluate(CONTEXT)


def test_the_roots_can_be_narrowed() -> None:
    narrow = frozenset({"inputs"})
    assert compile_expression("inputs.budget", narrow).evaluate(CONTEXT) == 500
    with pytest.raises(ExpressionInvalid, match="'results' cannot be read here; what can: inputs"):
        compile_expression("results.a", narrow)


def test_what_is_read_is_known_beforehand() -> None:
    source = (
        "results.market.items.filter(i, i.x > inputs.budget && has(results.a.b)).size() > variables['limit'] + index"
    )
    expression = compile_expression(source)
    assert set(expression.references) == {
        ("results", "market", "items"),
        ("inputs", "budget"),
        ("results", "a", "b"),
        ("variables", "limit"),
        ("index",),
    }
    assert expression.variables == {"results", "inputs", "variables", "index"}
    assert compile_expression("results.market[inputs.key].x").references == (("results", "market"), ("inputs", "key"))
    assert compile_expression("[1].map(i, i)").references == ()


class Watched(Mapping[str, Any]):
    """Results that are read from somewhere slow, one by one."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __getitem__(self, key: str) -> Any:
        self.read.append(key)
        return CONTEXT["results"][key]

    def __iter__(self) -> Iterator[str]:
        return iter(CONTEXT["results"])

    def __len__(self) -> int:
        return len(CONTEXT["results"])

    def __contains__(self, key: object) -> bool:
        return key in CONTEXT["results"]


@pytest.mark.parametrize("source", ["results.market.name", "results.market.whole + 1", "has(results.market.x)"])
def test_only_the_results_that_are_named_are_fetched(source: str) -> None:
    results = Watched()
    compile_expression(source).evaluate({"results": results})
    assert set(results.read) == {"market"}


def test_one_compiled_expression_serves_many_threads() -> None:
    expression = compile_expression("inputs.n * 2 + 0.5")
    wrong: list[int] = []

    def run(start: int) -> None:
        wrong.extend(n for n in range(start, start + 200) if expression.evaluate({"inputs": {"n": n}}) != n * 2 + 0.5)

    threads = [threading.Thread(target=run, args=(start,)) for start in range(0, 800, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_compiling_again_costs_nothing() -> None:
    assert compile_expression("inputs.budget > 7") is compile_expression("inputs.budget > 7")
