"""The plan of a live project as edits see it, and what an edit comes to: the next plan, and the rows to change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

from projects.blueprints.schema import Blueprint, PhaseSpec, StepSpec
from projects.blueprints.suggestions import did_you_mean
from projects.errors import StepNotInPlan
from projects.states import Directive, PhaseState, ProjectState, StepState

PASSED_OVER = "skipped_by_operator"
"""The error code of a step that an operator passed over."""
NEED_NOT_MET = "need_not_met"
"""The error code of a step that was skipped because one that it needs did not complete."""

IDLE = (StepState.PENDING, StepState.READY)
"""The states of steps that no worker holds, nor has finished with."""


@dataclass(frozen=True, slots=True)
class StepNow:
    """How a step of the present round stands: ``attempts`` counts its claims, ``code`` is that of its error."""

    state: StepState = StepState.PENDING
    attempts: int = 0
    code: str = ""

    @property
    def is_idle(self) -> bool:
        """Whether nobody works on it and it is not over."""
        return self.state in IDLE

    @property
    def is_untouched(self) -> bool:
        """Whether it has never been claimed: it can be made anew, or taken away without a trace."""
        return self.is_idle and self.attempts == 0


@dataclass(frozen=True)
class LivePlan:
    """A blueprint whose phases are the project's present plan, and how the project, its phases and its steps stand.

    ``past`` are keys of steps that have run and are not in the plan any more: results are found by key, so that no
    other step may have them.
    """

    blueprint: Blueprint
    phases: Mapping[str, PhaseState]
    steps: Mapping[str, StepNow]
    project: ProjectState = ProjectState.RUNNING
    directive: Directive = Directive.RUN
    past: frozenset[str] = frozenset()

    @cached_property
    def places(self) -> Mapping[str, tuple[int, int]]:
        """Phase and position of each step."""
        return {
            step.key: (index, position)
            for index, phase in enumerate(self.blueprint.phases)
            for position, step in enumerate(phase.steps)
        }

    def place(self, key: str) -> tuple[int, int]:
        """Phase and position of a step. Raises ``StepNotInPlan``."""
        if key in self.places:
            return self.places[key]
        listed = key.partition("[")[0]
        if listed != key and listed in self.places:
            raise StepNotInPlan(f"{key!r} is an item of {listed!r}: items are changed with their list, {listed!r}.")
        hint = did_you_mean(key, self.places, known_as="Its steps are")
        raise StepNotInPlan(f"There is no step {key!r} in the plan. {hint}".strip())

    def phase_of(self, key: str) -> PhaseSpec:
        """The phase of a step. Raises ``StepNotInPlan``."""
        return self.blueprint.phases[self.place(key)[0]]

    def step(self, key: str) -> StepSpec:
        """A step. Raises ``StepNotInPlan``."""
        phase, position = self.place(key)
        return self.blueprint.phases[phase].steps[position]

    def failing(self, phase: PhaseSpec) -> tuple[str, ...]:
        """The steps that have failed a phase, or will once nothing runs any more."""
        return tuple(
            step.key
            for step in phase.steps
            if step.on_failure == "fail" and self.steps[step.key].state is StepState.FAILED
        )


class Action(Enum):
    """What becomes of the row of a step."""

    INSERT = "insert"
    DELETE = "delete"
    REPLACE = "replace"  # by a row of a new id, so that a message on its way with the old one claims nothing
    UPDATE = "update"
    PLACE = "place"  # its position only
    SKIP = "skip"
    RETRY = "retry"  # pending again, its failures forgotten
    REVIVE = "revive"  # pending again, as what had failed does not stand in its way any more


@dataclass(frozen=True, slots=True)
class RowChange:
    """What is done to a step of the present round of a phase; ``result`` is that of a skipped one."""

    action: Action
    step: str
    phase: str
    result: Any = None


@dataclass(frozen=True, slots=True)
class Difference:
    """What changes of one step: the values that do, before and after; None before it is there, or after it is gone."""

    step: str
    phase: str
    change: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    def to_json(self) -> dict[str, Any]:
        """As it is kept and shown."""
        return {
            "step": self.step,
            "phase": self.phase,
            "change": self.change,
            "before": None if self.before is None else dict(self.before),
            "after": None if self.after is None else dict(self.after),
        }


@dataclass(frozen=True, slots=True)
class Edited:
    """The next plan, what it takes to get there, and what a person should know.

    ``phases`` says which phases change their state, and to what; ``revives`` whether the failed project runs again;
    ``still_failed`` are steps to be mended too before it does.
    """

    plan: tuple[PhaseSpec, ...]
    rows: tuple[RowChange, ...]
    difference: tuple[Difference, ...]
    phases: Mapping[str, PhaseState] = field(default_factory=dict)
    revives: bool = False
    still_failed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def keys(self, *actions: Action) -> tuple[str, ...]:
        """The steps to whose rows one of these is done."""
        return tuple(row.step for row in self.rows if row.action in actions)


def row_changes(plan: LivePlan, after: Blueprint) -> tuple[RowChange, ...]:
    """What it takes to make the rows of a plan those of another. That steps may change was looked at before."""
    before = plan.blueprint
    kept = {step.key for phase in after.phases for step in phase.steps}
    found = [
        RowChange(Action.DELETE, step.key, phase.key)
        for phase in before.phases
        for step in phase.steps
        if step.key not in kept
    ]
    for index, phase in enumerate(after.phases):
        for position, step in enumerate(phase.steps):
            action = _action(plan, step, (index, position))
            if action is not None:
                found.append(RowChange(action, step.key, phase.key))
    return tuple(found)


def _action(plan: LivePlan, step: StepSpec, place: tuple[int, int]) -> Action | None:
    if step.key not in plan.places:
        return Action.INSERT
    now, before = plan.steps[step.key], plan.step(step.key)
    if before == step:
        # Rows of steps that have started keep their positions: a worker may hold them.
        return Action.PLACE if plan.places[step.key] != place and now.is_idle else None
    sent_anew = any(getattr(before, name) != getattr(step, name) for name in ("needs", "agent", "timeout"))
    return Action.REPLACE if sent_anew and now.is_untouched else Action.UPDATE


def differences(plan: LivePlan, after: Blueprint, *, moved: str | None = None) -> tuple[Difference, ...]:
    """What differs between a plan and another, step by step; of places only that of the step that was moved."""
    kept = {step.key for phase in after.phases for step in phase.steps}
    found = [
        Difference(step.key, phase.key, "removed", _written(step), None)
        for phase in plan.blueprint.phases
        for step in phase.steps
        if step.key not in kept
    ]
    for index, phase in enumerate(after.phases):
        for position, step in enumerate(phase.steps):
            if step.key not in plan.places:
                found.append(Difference(step.key, phase.key, "added", None, _written(step)))
                continue
            old, new = _values(plan.step(step.key), step)
            if step.key == moved and plan.places[moved] != (index, position):
                old, new = {**old, "place": plan.places[moved][1] + 1}, {**new, "place": position + 1}
            if new:
                found.append(Difference(step.key, phase.key, "moved" if step.key == moved else "changed", old, new))
    return tuple(found)


def neighbours(keys: Iterable[str]) -> str:
    """Some keys in a sentence."""
    named = [repr(key) for key in keys]
    return ", ".join(named[:5]) + (f" and {len(named) - 5} more" if len(named) > 5 else "")


def _written(step: StepSpec) -> dict[str, Any]:
    """What a step says that is not so by itself."""
    return step.model_dump(mode="json", exclude_defaults=True, exclude={"key"})


def _values(before: StepSpec, after: StepSpec) -> tuple[dict[str, Any], dict[str, Any]]:
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    names = dict.fromkeys((*old, *new))  # some are written only where they are said
    differing = [name for name in names if old.get(name) != new.get(name)]
    return {name: old.get(name) for name in differing}, {name: new.get(name) for name in differing}
