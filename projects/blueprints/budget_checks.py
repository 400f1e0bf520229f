"""Budgets, estimates and limits of concurrency: numbers that fit one another, and names that there are."""

from __future__ import annotations

from collections.abc import Iterator

from projects.blueprints.paths import Place
from projects.blueprints.schema import Blueprint, LimitSpec, MeasuresSpec, StepKind, StepSpec
from projects.blueprints.shaping import Finding
from projects.blueprints.suggestions import did_you_mean

MEASURES = ("tokens", "cost", "seconds", "launches")


def check_budgets(blueprint: Blueprint) -> Iterator[Finding]:
    """Limits that can be kept, agents that do something, estimates that fit below the limits they fall under."""
    agents = {step.asked.agent for phase in blueprint.phases for step in phase.steps if step.asked.agent is not None}
    if blueprint.budgets is not None:
        yield from _limits(blueprint.budgets, ("budgets",))
        for name, measures in blueprint.budgets.agents.items():
            place: Place = ("budgets", "agents", name)
            yield from _limits(measures, place)
            if name not in agents:
                hint = did_you_mean(name, agents, known_as="Agents of its steps")
                yield Finding(place, f"no step is done by an agent {name!r}", hint, at_key=True)
    for index, phase in enumerate(blueprint.phases):
        if phase.budgets is not None:
            yield from _limits(phase.budgets, ("phases", index, "budgets"))
        for position, step in enumerate(phase.steps):
            over = [*_over_project(blueprint, step), *_over(phase.budgets, f"phase {phase.key!r}", step)]
            yield from _step(step, ("phases", index, "steps", position), over)


def _limits(measures: MeasuresSpec, place: Place) -> Iterator[Finding]:
    for name in MEASURES:
        limit: LimitSpec | None = getattr(measures, name)
        if limit is None:
            continue
        here = (*place, name)
        if limit.soft is None and limit.hard is None:
            yield Finding(here, "a limit has `soft`, `hard` or both, and this has none", "Add `hard: NUMBER`.")
        if limit.soft is not None and limit.hard is not None and limit.soft > limit.hard:
            yield Finding(
                (*here, "soft"),
                f"the soft limit, {limit.soft:g}, lies above the hard one, {limit.hard:g}",
                "Nobody would be asked: lower `soft`, or raise `hard`.",
            )
        if limit.soft is None and limit.raise_by is not None:
            yield Finding((*here, "raise_by"), "what is raised is the soft limit", "Add `soft: NUMBER`.", at_key=True)


def _step(step: StepSpec, place: Place, over: list[tuple[str, str]]) -> Iterator[Finding]:
    if step.kind not in (StepKind.AGENT, StepKind.SWARM):
        for key in ("estimate", "concurrency"):
            if getattr(step, key) is not None:
                yield Finding((*place, key), f"`{key}` belongs to steps that an agent does", "Remove it.", at_key=True)
        return
    for measure, message in over:
        yield Finding((*place, "estimate", measure), message, "It could never start: lower it, or raise the limit.")


def _over_project(blueprint: Blueprint, step: StepSpec) -> Iterator[tuple[str, str]]:
    if blueprint.budgets is not None:
        yield from _over(blueprint.budgets, "the project", step)
        yield from _over(blueprint.budgets.agents.get(step.asked.agent or ""), f"agent {step.asked.agent!r}", step)


def _over(measures: MeasuresSpec | None, whose: str, step: StepSpec) -> Iterator[tuple[str, str]]:
    """The estimates of a step that are above a hard limit, each with what to say about it."""
    if measures is None or step.estimate is None:
        return
    for measure in ("tokens", "cost", "seconds"):
        limit, wanted = getattr(measures, measure), getattr(step.estimate, measure)
        if limit is not None and limit.hard is not None and wanted is not None and wanted > limit.hard:
            yield measure, f"the estimate, {wanted:g}, is above the hard limit of {whose}, {limit.hard:g}"
