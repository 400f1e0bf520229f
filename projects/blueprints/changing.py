"""Putting a step into a blueprint that is there already, checked as if it had been written there from the start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from projects.blueprints.cel_values import kind_of
from projects.blueprints.errors import BlueprintInvalid, Problem, StepInvalid
from projects.blueprints.graph_checks import taken
from projects.blueprints.load import complete_step, located
from projects.blueprints.paths import Place, written
from projects.blueprints.schema import Blueprint, StepSpec
from projects.blueprints.shaping import Finding, shape
from projects.blueprints.yaml_tree import Tree, read_tree

_AN_EXAMPLE = "Write, for instance, `{key: legal_check, agent: lawyer}`."


@dataclass(frozen=True)
class Definition:
    """A step as somebody wrote it. Out of a text it knows the line and column of each value, for its mistakes."""

    values: Mapping[str, Any]
    origin: str = ""
    tree: Tree | None = None

    @property
    def key(self) -> str:
        """Its key as far as it is one; empty where there is none."""
        key = self.values.get("key")
        return key if isinstance(key, str) else ""


def read_definition(given: Any, *, origin: str = "<step>") -> Definition:
    """The definition in plain values, or in a text of YAML (of which JSON is a part). Raises ``StepInvalid``."""
    if isinstance(given, Definition):
        return given
    tree = None
    if isinstance(given, str):
        if not given.strip():
            raise _invalid("the text is empty", origin)
        try:
            tree = read_tree(given, origin)
        except BlueprintInvalid as error:
            raise StepInvalid(problems=error.problems) from None
    values = given if tree is None else tree.value
    if not isinstance(values, Mapping):
        raise _invalid(f"a step is an object, and this is {kind_of(values)}", origin if tree is not None else "")
    return Definition(values, origin if tree is not None else "", tree)


def with_step_added(blueprint: Blueprint, phase: int, position: int, definition: Definition) -> Blueprint:
    """The blueprint with one step more, the blueprint's defaults filled in.

    Raises ``StepInvalid`` where the definition has not the shape of a step, or its key is another's.
    """
    steps = [step.model_dump(mode="json") for step in blueprint.phases[phase].steps]
    shaped = _shaped(blueprint, phase, [*steps[:position], dict(definition.values), *steps[position:]], definition)
    added = shaped.phases[phase].steps[position]
    known = [((), step.key) for each in blueprint.phases for step in each.steps]
    refuse(taken([*known, (("key",), added.key)], "step"), definition)
    here = {step.key for step in shaped.phases[phase].steps}
    return with_steps(blueprint, phase, put(shaped, phase, position, complete_step(added, here, blueprint)))


def with_step_changed(blueprint: Blueprint, phase: int, position: int, changes: Mapping[str, Any]) -> Blueprint:
    """The blueprint with some keys of a step written anew. Raises ``StepInvalid`` where they are not of its shape."""
    steps = [step.model_dump(mode="json") for step in blueprint.phases[phase].steps]
    values = steps[position] | dict(changes)
    shaped = _shaped(blueprint, phase, [*steps[:position], values, *steps[position + 1 :]], Definition(values))
    return with_steps(blueprint, phase, put(shaped, phase, position, shaped.phases[phase].steps[position]))


def with_steps(blueprint: Blueprint, phase: int, steps: Iterable[StepSpec]) -> Blueprint:
    """The blueprint with other steps in one of its phases; nothing is checked."""
    phases = list(blueprint.phases)
    phases[phase] = phases[phase].model_copy(update={"steps": tuple(steps)})
    return blueprint.model_copy(update={"phases": tuple(phases)})


def put(blueprint: Blueprint, phase: int, position: int, step: StepSpec) -> tuple[StepSpec, ...]:
    """The steps of a phase with another one in a place."""
    steps = list(blueprint.phases[phase].steps)
    steps[position] = step
    return tuple(steps)


def refuse(findings: Iterable[Finding], definition: Definition) -> None:
    """Raise ``StepInvalid`` where there are any mistakes; their places are those within the step."""
    problems = list(dict.fromkeys(_problem(finding, definition) for finding in findings))
    if problems:
        problems.sort(key=lambda problem: (problem.line, problem.column))
        raise StepInvalid(problems=problems)


def within(finding: Finding, place: Place) -> Finding | None:
    """The same mistake as seen from a place of the blueprint; None where it is elsewhere."""
    if finding.place[: len(place)] != place:
        return None
    return replace(finding, place=finding.place[len(place) :])


def _shaped(blueprint: Blueprint, phase: int, steps: list[Any], definition: Definition) -> Blueprint:
    """The blueprint with these plain values as the steps of a phase. What is wrong is what is new: the rest stood."""
    values = blueprint.model_dump(mode="json")
    values["phases"][phase]["steps"] = steps
    shaped = shape(values)
    of_phase: Place = ("phases", phase, "steps")
    refuse((_seen_from_step(finding, of_phase) for finding in shaped.findings), definition)
    if shaped.blueprint is None:  # never without a finding
        raise StepInvalid
    return shaped.blueprint


def _seen_from_step(finding: Finding, of_phase: Place) -> Finding:
    """Its place within the step; of what is wrong with the phase as a whole, such as too many steps, none."""
    return replace(finding, place=finding.place[len(of_phase) + 1 :])


def _problem(finding: Finding, definition: Definition) -> Problem:
    if definition.tree is not None:
        return located(finding, definition.tree, definition.origin)
    return Problem(definition.origin, 0, 0, written(finding.place), finding.message, finding.hint)


def _invalid(message: str, origin: str) -> StepInvalid:
    return StepInvalid(problems=[Problem(origin, 0, 0, "", message, _AN_EXAMPLE)])
