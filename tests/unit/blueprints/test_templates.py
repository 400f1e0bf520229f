"""Templates: texts with ``${…}``, anywhere in a JSON value."""

from __future__ import annotations

import pytest

from projects.blueprints.errors import ExpressionFailed, ExpressionInvalid
from projects.blueprints.expressions import render, template_references

CONTEXT = {
    "inputs": {
        "product": "pump",
        "budget": 500,
        "share": 0.5,
        "on": True,
        "tags": ["a", "b"],
        "none": None,
        "people": [{"name": "A", "age": 1}, {"zip": 7, "name": "B", "age": 2}],
    },
    "results": {"skipped": None},
}

RENDERED = [
    ("plain", "plain"),
    ("", ""),
    ("${inputs.product}", "pump"),
    ("${ inputs.budget }", 500),
    ("${inputs.tags}", ["a", "b"]),
    ("${inputs.none}", None),
    ("${inputs.budget * 2 > 900}", True),
    ("for ${inputs.product}, ${inputs.budget} EUR", "for pump, 500 EUR"),
    ("${inputs.product}${inputs.budget}", "pump500"),
    (" ${inputs.budget}", " 500"),
    ("${inputs.share} ${inputs.on} ${inputs.none} ${inputs.tags}", '0.5 true null ["a", "b"]'),
    ("x ${inputs.people.filter(p, p.age > 1)}", 'x [{"age": 2, "name": "B", "zip": 7}]'),
    ("$${inputs.product}", "${inputs.product}"),
    ("$$${inputs.product}", "$${inputs.product}"),
    ("a $${b} ${inputs.product} $ {c} $5 }", "a ${b} pump $ {c} $5 }"),
    ("${ {'}': 'a}'}['}'] }", "a}"),
    ("${'$' + '{'}", "${"),
    ({"a": ["${inputs.budget}", {"b": "x ${inputs.on}"}], "c": 5}, {"a": [500, {"b": "x true"}], "c": 5}),
    ({"${inputs.product}": 1}, {"${inputs.product}": 1}),
    (("a", "${inputs.on}"), ["a", True]),
    (None, None),
    (7, 7),
]


@pytest.mark.parametrize(("template", "expected"), RENDERED, ids=[str(template) for template, _ in RENDERED])
def test_a_template_gives_values_and_texts(template: object, expected: object) -> None:
    value = render(template, CONTEXT)
    assert value == expected
    assert type(value) is type(expected)


def test_the_template_itself_is_left_as_it_was() -> None:
    template = {"a": ["${inputs.tags}"]}
    rendered = render(template, CONTEXT)
    rendered["a"][0].append("c")
    assert template == {"a": ["${inputs.tags}"]}
    assert CONTEXT["inputs"]["tags"] == ["a", "b"]


@pytest.mark.parametrize("template", ["${", "${inputs.a", "a ${'}", "${a)}", "${}", "${ {'a': 1 }", "x ${[}"])
def test_what_is_never_closed_is_refused(template: str) -> None:
    with pytest.raises(ExpressionInvalid):
        render(template, CONTEXT)


def test_a_failure_within_a_template_is_a_failure_of_the_whole() -> None:
    with pytest.raises(ExpressionFailed, match=r"`results.skipped.x` failed: results.skipped is null"):
        render({"a": "text ${results.skipped.x}"}, CONTEXT)


def test_what_a_template_reads_is_known_beforehand() -> None:
    template = {"a": ["${inputs.x}"], "b": "${results.r.y + inputs.z} $${inputs.no}"}
    assert template_references(template) == (("inputs", "x"), ("results", "r", "y"), ("inputs", "z"))
