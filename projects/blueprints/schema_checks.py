"""The JSON Schemas in a blueprint: of its inputs, and of what approvers may edit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from projects.blueprints.json_values import schema_mistakes
from projects.blueprints.paths import Place
from projects.blueprints.schema import ApprovalSpec, Blueprint
from projects.blueprints.shaping import Finding


def check_schemas(blueprint: Blueprint) -> Iterator[Finding]:
    """Schemas that are none, or describe no object."""
    yield from _schema(blueprint.inputs, ("inputs",))
    for index, phase in enumerate(blueprint.phases):
        if phase.gate is not None and phase.gate.approval is not None:
            yield from _form(phase.gate.approval, ("phases", index, "gate", "approval"))
        for position, step in enumerate(phase.steps):
            if step.approval is not None:
                yield from _form(step.approval, ("phases", index, "steps", position, "approval"))


def _form(approval: ApprovalSpec, place: Place) -> Iterator[Finding]:
    if approval.form is None:
        return
    yield from _schema(approval.form, (*place, "form"))
    properties = approval.form.get("properties")
    if not properties:
        yield Finding((*place, "form"), "the form has no properties: there is nothing to edit", "Add `properties:`.")
    elif isinstance(properties, dict):
        for name in approval.content:
            if name not in properties:
                yield Finding((*place, "content", name), f"the form has no property {name!r}", "Add it to the form.")


def _schema(schema: dict[str, Any], place: Place) -> Iterator[Finding]:
    if schema.get("type", "object") != "object":
        yield Finding((*place, "type"), "the schema must describe an object", "Write `type: object` and `properties:`.")
        return
    for below, message in schema_mistakes(schema):
        yield Finding((*place, *below), message, "See JSON Schema 2020-12.")
