"""Whether what an expression reads will be there: steps that ran before, inputs that are declared, known fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from projects.blueprints.cel_reading import Path, asked
from projects.blueprints.evaluation import Expression
from projects.blueprints.schema import Blueprint
from projects.blueprints.suggestions import did_you_mean

Mistake = tuple[str, str]  # message and hint

# The fields of the roots that the engine fills; None for those without fields.
_FIELDS: dict[str, tuple[str, ...] | None] = {
    "project": ("id", "title", "priority"),
    "rework": ("round", "comments"),
    "documents": None,
    "intent": None,
    "index": None,
}
# With one of these, a schema says more about its properties than `properties` does.
_OPEN_ENDED = ("$ref", "allOf", "anyOf", "oneOf", "if", "patternProperties", "dependentSchemas", "not")
_SCALARS = ("string", "number", "integer", "boolean", "null", "array")


@dataclass(frozen=True, slots=True)
class Readable:
    """What is there where an expression is evaluated: results of steps, and approvals by phase."""

    steps: frozenset[str] = frozenset()
    approvals: frozenset[str] = frozenset()
    step: str | None = None  # the step to which the expression belongs
    phase: str | None = None


class Reader:
    """What there is to read in one blueprint."""

    def __init__(self, blueprint: Blueprint) -> None:
        self._inputs = blueprint.inputs
        self._variables = blueprint.variables
        self._homes = {step.key: phase.key for phase in blueprint.phases for step in phase.steps}
        self._order = [phase.key for phase in blueprint.phases]
        self._approvals = {
            phase.key: phase.gate.approval
            for phase in blueprint.phases
            if phase.gate is not None and phase.gate.approval is not None
        }

    def mistakes(self, expression: Expression, readable: Readable) -> Iterator[Mistake]:
        """What the expression reads and will not find."""
        guarded = asked(expression.tree)
        for path in dict.fromkeys(expression.references):
            match path[0]:
                case "results":
                    yield from self._result(path, readable)
                case "inputs":
                    yield from self._input(path, guarded)
                case "approvals":
                    yield from self._approval(path, readable)
                case "variables":
                    yield from self._variable(path)
                case root if root in _FIELDS:
                    yield from _field(path, _FIELDS[root])

    def _result(self, path: Path, readable: Readable) -> Iterator[Mistake]:
        if len(path) == 1:
            yield "results is read as a whole", "Name the step whose result is meant: results.KEY."
            return
        key = path[1]
        if key in readable.steps:
            return
        if key not in self._homes:
            known = sorted(readable.steps) or sorted(self._homes)
            yield f"there is no step {key!r}", did_you_mean(key, known, known_as="Steps that can be read here")
        elif key == readable.step:
            yield f"the step {key!r} reads its own result", "It has none before it has run."
        elif self._homes[key] == readable.phase:
            yield (
                f"the step {key!r} may not have run yet",
                f"Add {key!r} to `needs` of the step {readable.step!r}.",
            )
        else:
            yield (
                f"the step {key!r} runs in the later phase {self._homes[key]!r}",
                "Read only results of the same phase or of phases before it.",
            )

    def _approval(self, path: Path, readable: Readable) -> Iterator[Mistake]:
        if len(path) == 1:
            yield "approvals is read as a whole", "Name the phase whose approval is meant: approvals.PHASE.FIELD."
            return
        phase = path[1]
        if phase not in self._approvals:
            hint = did_you_mean(phase, self._approvals, known_as="Phases with an approval")
            yield f"no phase {phase!r} has an approval", hint
        elif phase not in readable.approvals:
            yield (
                f"the approval of phase {phase!r} is not decided yet then",
                "Read approvals of phases before this one.",
            )
        elif len(path) > 2:
            approval = self._approvals[phase]
            known = {*approval.content, *_properties(approval.form or {})}
            if path[2] not in known and (approval.form or {}).get("additionalProperties", False) is False:
                hint = did_you_mean(path[2], known, known_as="There are")
                yield f"the approval of phase {phase!r} has no content {path[2]!r}", hint

    def _variable(self, path: Path) -> Iterator[Mistake]:
        if len(path) > 1 and path[1] not in self._variables:
            hint = did_you_mean(path[1], self._variables, known_as="There are") or "Declare it under `variables`."
            yield f"there is no variable {path[1]!r}", hint

    def _input(self, path: Path, guarded: frozenset[Path]) -> Iterator[Mistake]:
        """Along the path as far as the schema says for sure what there is."""
        schema: Any = self._inputs
        for count, name in enumerate(path[1:], start=1):
            if not isinstance(schema, Mapping) or any(word in schema for word in _OPEN_ENDED):
                return
            here, properties = ".".join(path[:count]), _properties(schema)
            if count > 1 and schema.get("type") in _SCALARS:
                yield f"{here} is of type {schema['type']} and has no field {name!r}", ""
                return
            if name not in properties:
                if count == 1 or properties or schema.get("additionalProperties") is False:
                    yield from _undeclared(here, name, schema)
                return
            if name not in schema.get("required", ()) and not _has_default(properties[name]):
                if not any(path[: len(each)] == each or each[: count + 1] == path[: count + 1] for each in guarded):
                    yield (
                        f"{here}.{name} may be missing: it is not required and has no default",
                        f"Add a default, add {name!r} to `required`, or ask has({here}.{name}) first.",
                    )
                return
            schema = properties[name]


def _undeclared(here: str, name: str, schema: Mapping[str, Any]) -> Iterator[Mistake]:
    if schema.get("additionalProperties", False) is not False:
        return
    properties = _properties(schema)
    hint = did_you_mean(name, properties, known_as="There are") or f"Declare it under `{here}.properties`."
    yield f"there is no {'input' if here == 'inputs' else f'field of {here}'} {name!r}", hint


def _field(path: Path, known: tuple[str, ...] | None) -> Iterator[Mistake]:
    if len(path) < 2:
        return
    if known is None:
        yield f"{path[0]} has no fields, so no {path[1]!r}", ""
    elif path[1] not in known:
        yield f"{path[0]} has no field {path[1]!r}", did_you_mean(path[1], known, known_as="It has")


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = schema.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _has_default(schema: Any) -> bool:
    return isinstance(schema, Mapping) and "default" in schema
