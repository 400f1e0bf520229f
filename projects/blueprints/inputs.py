"""What people give to a project: its inputs, and their edits of what an approval asks about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from projects.blueprints.errors import FormInvalid, InputsInvalid, Problem
from projects.blueprints.json_values import value_mistakes, with_defaults
from projects.blueprints.paths import written
from projects.blueprints.schema import Blueprint
from projects.blueprints.suggestions import did_you_mean

_NOTHING = {"inputs": "there is no input", "content": "the form has no property"}


def validate_inputs(blueprint: Blueprint, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs with the defaults of the blueprint filled in. Raises ``InputsInvalid`` with every mistake.

    An input that the schema does not name is a mistake, unless the schema allows additional properties.
    """
    filled: dict[str, Any] = with_defaults(blueprint.inputs, dict(inputs))
    problems = _unknown(blueprint.inputs, filled, "inputs") + _broken(blueprint.inputs, filled, "inputs")
    if problems:
        raise InputsInvalid(problems=problems)
    return filled


def validate_form(schema: Mapping[str, Any] | None, content: Mapping[str, Any]) -> dict[str, Any]:
    """What an approver edited, with the form's defaults filled in. Raises ``FormInvalid`` with every mistake.

    Only what the form names may be edited; nothing, where there is none.
    """
    if schema is None:
        if content:
            raise FormInvalid("This approval has no form: nothing of it can be edited.")
        return {}
    filled: dict[str, Any] = with_defaults(schema, dict(content))
    problems = _unknown(schema, filled, "content") + _broken(schema, filled, "content")
    if problems:
        raise FormInvalid(problems=problems)
    return filled


def _unknown(schema: Mapping[str, Any], value: Mapping[str, Any], root: str) -> list[Problem]:
    if "additionalProperties" in schema or "patternProperties" in schema or "$ref" in schema:
        return []
    if any(word in schema for word in ("allOf", "anyOf", "oneOf", "if", "dependentSchemas")):
        return []
    known = schema.get("properties", {})
    return [
        Problem("", 0, 0, written((root, name)), f"{_NOTHING[root]} {name!r}", _hint(name, known, root))
        for name in value
        if name not in known
    ]


def _hint(name: str, known: Mapping[str, Any], root: str) -> str:
    return did_you_mean(name, known, known_as="There are") or f"No {root} can be given."


def _broken(schema: Mapping[str, Any], value: Any, root: str) -> list[Problem]:
    found = dict.fromkeys(value_mistakes(schema, value))
    return [Problem("", 0, 0, written((root, *place)), message) for place, message in found]
