"""What people give to a project: checked whole, filled with defaults, and never at the mercy of a pattern."""

from __future__ import annotations

import pickle
import time
from typing import Any

import pytest

from projects.blueprints.errors import FormInvalid, InputsInvalid
from projects.blueprints.inputs import validate_form, validate_inputs
from projects.blueprints.load import load_text
from projects.blueprints.schema import Blueprint
from tests.unit.blueprints.documents import with_steps

BLUEPRINT = load_text(with_steps("- {key: a, agent: x}")).blueprint


def blueprint_with(inputs: dict[str, Any]) -> Blueprint:
    return BLUEPRINT.model_copy(update={"inputs": inputs})


def test_defaults_are_filled_in_all_the_way_down() -> None:
    given = {"product": "pump", "options": {}}
    assert validate_inputs(BLUEPRINT, given) == {"product": "pump", "budget": 500, "options": {"deep": False}}
    assert given == {"product": "pump", "options": {}}


def test_defaults_are_copies() -> None:
    validate_inputs(BLUEPRINT, {"product": "a"})["options"]["deep"] = "changed"
    assert validate_inputs(BLUEPRINT, {"product": "a"})["options"] == {"deep": False}


def test_every_mistake_is_told_with_its_path() -> None:
    with pytest.raises(InputsInvalid) as refusal:
        validate_inputs(BLUEPRINT, {"budgt": 3, "budget": "much", "options": {"deep": 1}})
    assert [str(problem) for problem in refusal.value.problems] == [
        "inputs.budgt: there is no input 'budgt'. Did you mean 'budget'?",
        "inputs: 'product' is missing.",
        "inputs.budget: must be of type number, and is text: 'much'.",
        "inputs.options.deep: must be of type boolean, and is a number: 1.",
    ]
    assert refusal.value.details["problems"][0]["path"] == "inputs.budgt"


def test_a_refusal_survives_a_pickle() -> None:
    with pytest.raises(InputsInvalid) as refusal:
        validate_inputs(BLUEPRINT, {})
    again = pickle.loads(pickle.dumps(refusal.value))  # noqa: S301 our own bytes
    assert str(again) == str(refusal.value)
    assert again.problems == refusal.value.problems


def test_a_blueprint_without_inputs_takes_none() -> None:
    assert validate_inputs(blueprint_with({}), {}) == {}
    with pytest.raises(InputsInvalid, match=r"there is no input 'a'. No inputs can be given."):
        validate_inputs(blueprint_with({}), {"a": 1})


def test_additional_inputs_are_taken_where_the_schema_says_so() -> None:
    assert validate_inputs(blueprint_with({"additionalProperties": True}), {"a": 1}) == {"a": 1}
    numbers = blueprint_with({"additionalProperties": {"type": "number"}, "patternProperties": {"^x_": {}}})
    assert validate_inputs(numbers, {"a": 1, "x_b": "text"}) == {"a": 1, "x_b": "text"}
    with pytest.raises(InputsInvalid, match=r"inputs.a: must be of type number"):
        validate_inputs(numbers, {"a": "text"})


def test_patterns_and_formats_are_checked() -> None:
    schema = {"properties": {"code": {"type": "string", "pattern": "^[A-Z]{2}$"}, "day": {"format": "date"}}}
    assert validate_inputs(blueprint_with(schema), {"code": "AB", "day": "2026-01-31"})
    with pytest.raises(InputsInvalid, match="'abc' does not match"):
        validate_inputs(blueprint_with(schema), {"code": "abc"})
    with pytest.raises(InputsInvalid, match="'2026-02-31' is not a 'date'"):
        validate_inputs(blueprint_with(schema), {"day": "2026-02-31"})


def test_a_pattern_that_backtracks_elsewhere_takes_no_time_here() -> None:
    schema = {"properties": {"a": {"pattern": "^(a+)+$"}}, "patternProperties": {"^(b+)+$": {"type": "number"}}}
    began = time.monotonic()
    with pytest.raises(InputsInvalid):
        validate_inputs(blueprint_with(schema), {"a": "a" * 50_000 + "!", "b" * 50_000 + "!": 1, "bb": "x"})
    assert time.monotonic() - began < 5


def test_a_schema_without_end_is_a_refusal_and_no_crash() -> None:
    endless = blueprint_with({"$defs": {"a": {"$ref": "#/$defs/a"}}, "properties": {"x": {"$ref": "#/$defs/a"}}})
    with pytest.raises(InputsInvalid, match="refers to itself without end"):
        validate_inputs(endless, {"x": 1})


FORM = {"type": "object", "required": ["headline"], "properties": {"headline": {"type": "string", "maxLength": 5}}}


def test_an_approver_edits_what_the_form_names_and_nothing_else() -> None:
    assert validate_form(FORM, {"headline": "New"}) == {"headline": "New"}
    with pytest.raises(FormInvalid) as refusal:
        validate_form(FORM, {"headline": "Too long", "price": 0})
    assert [problem.path for problem in refusal.value.problems] == ["content.price", "content.headline"]


def test_without_a_form_nothing_can_be_edited() -> None:
    assert validate_form(None, {}) == {}
    with pytest.raises(FormInvalid, match="no form"):
        validate_form(None, {"headline": "New"})
