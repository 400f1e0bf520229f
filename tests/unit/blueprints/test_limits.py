"""No expression runs away: each of these would take minutes, or all memory, without its limit."""

from __future__ import annotations

import time
from typing import Any

import pytest

from projects.blueprints.errors import ExpressionFailed
from projects.blueprints.expressions import compile_expression

SECONDS = 8  # a bound for a busy machine; without the limits it is minutes


def objects(count: int) -> list[dict[str, Any]]:
    return [{"a": number, "b": {"c": [1, 2, 3]}, "k": "x" * 10} for number in range(count)]


HEAVY = [
    ("item.map(i, item)", list(range(5_000))),
    ("item.map(i, item.map(j, i))", list(range(2_000))),
    ("item.map(i, item.map(j, j.a + i.a))", objects(1_000)),
    ("item.exists(i, item.exists(j, i + j == -1))", list(range(5_000))),
    ("(item + item + item + item + item).filter(i, i > 0)[0] + 0.5", list(range(20_000))),
    ("[item].map(i, i + i + i + i + i + i)[0].filter(j, j > 0)[0] + 0.5", list(range(50_000))),
    ("item.size() > 0 && item.filter(i, i.a * 1.5 > 3.0).size() > 0", objects(3_000)),
]


@pytest.mark.parametrize(("source", "item"), HEAVY, ids=[source for source, _ in HEAVY])
def test_too_much_work_is_refused_before_it_begins(source: str, item: Any) -> None:
    began = time.monotonic()
    with pytest.raises(ExpressionFailed, match="is too much for "):
        compile_expression(source).evaluate({"item": item})
    assert time.monotonic() - began < SECONDS


ALLOWED = [
    ("item.filter(i, i.a * 1.5 > 3.0).size()", objects(300), 297),
    ("item.filter(i, i.a > 3 && i.k != 'y').map(i, i.b.c)[0][2]", objects(3_000), 3),
    ("item.map(i, i.a + index).all(i, i >= index)", objects(3_000), True),
    ("item.all(i, i.k.matches('(x+)+$'))", objects(3_000), True),
    ("item.exists(i, item.exists(j, j == -1))", list(range(200)), False),
    ("size(item)", list(range(100_000)), 100_000),
]


@pytest.mark.parametrize(("source", "item", "expected"), ALLOWED, ids=[source for source, _, _ in ALLOWED])
def test_what_people_write_is_allowed(source: str, item: Any, expected: object) -> None:
    assert compile_expression(source).evaluate({"item": item, "index": 4}) == expected


def test_a_mere_path_has_no_limit() -> None:
    item = objects(5_000)
    assert compile_expression("item").evaluate({"item": item}) == item


def test_a_pattern_takes_linear_time() -> None:
    began = time.monotonic()
    text = "a" * 200_000 + "b"
    assert compile_expression("intent.matches('^(a+)+$')").check({"intent": text}) is False
    assert compile_expression("intent.matches('(a|a)*c')").check({"intent": text}) is False
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize("opening", ["(", "[", "!", "-", "a.b(", "{1:", "true?", "1+"])
def test_nesting_ends_in_a_refusal_and_never_in_a_crash(opening: str) -> None:
    from projects.blueprints.errors import ExpressionInvalid

    for count in (30, 100, 1_000):
        with pytest.raises(ExpressionInvalid):
            compile_expression(opening * count)
