"""Marks: how a project stood at a moment, as far as one can go back to it. Pure.

A mark names no rows: a step is found by its key and the round of its phase, and what it committed stays in that row,
never overwritten. So a mark is small, and the same whether it was read from the tables or made out of the history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from projects.states import PhaseState, ProjectState, StepState


@dataclass(frozen=True, slots=True)
class ItemMark:
    """An item of a ``for_each``; its key is that of the list with its place: ``calls[3]``."""

    state: StepState
    attempt: int = 0
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class StepMark:
    """A step of its phase's present round.

    ``state`` is never ready: whether a step that has not begun may begin follows from the others. ``sha256`` is the
    digest of the result as the history has it. ``generation`` is how many a search has folded; of another step, and of
    a search that has not begun, None. A mark holds no items of a search: they are gone with their generation.
    """

    key: str
    state: StepState = StepState.PENDING
    attempt: int = 0
    sha256: str | None = None
    on_failure: str = "fail"
    needs: tuple[str, ...] = ()
    items: tuple[ItemMark, ...] = ()
    generation: int | None = None

    def item_key(self, place: int) -> str:
        """The key of one of its items."""
        return f"{self.key}[{place}]"


@dataclass(frozen=True, slots=True)
class PhaseMark:
    """A phase with the steps of its present round, in the plan's order.

    ``approval`` is the id of what its gate asked in this round, ``approved`` whether people have said yes to it.
    """

    key: str
    state: PhaseState = PhaseState.PENDING
    round: int = 1
    base_round: int = 1
    comments: tuple[str, ...] = ()
    quality: tuple[Mapping[str, Any], ...] = ()
    approval: str | None = None
    approved: bool = False
    steps: tuple[StepMark, ...] = ()


@dataclass(frozen=True)
class Mark:
    """A project: its state, its plan's version, its variables and its phases in their order."""

    state: ProjectState
    plan_version: int = 1
    variables: Mapping[str, Any] = field(default_factory=dict)
    phases: tuple[PhaseMark, ...] = ()

    @cached_property
    def by_key(self) -> Mapping[str, PhaseMark]:
        """Each phase under its key."""
        return {phase.key: phase for phase in self.phases}

    @property
    def steps(self) -> Iterator[tuple[PhaseMark, StepMark]]:
        """Every step with its phase."""
        return ((phase, step) for phase in self.phases for step in phase.steps)


def to_json(mark: Mark) -> dict[str, Any]:
    """A mark as JSON holds it; what is empty is left out."""
    return {
        "state": mark.state.value,
        "plan_version": mark.plan_version,
        "variables": dict(mark.variables),
        "phases": [_phase_to_json(phase) for phase in mark.phases],
    }


def from_json(value: Mapping[str, Any]) -> Mark:
    """The mark again. Raises ``KeyError``, ``TypeError`` or ``ValueError`` where it is none."""
    return Mark(
        ProjectState(value["state"]),
        value["plan_version"],
        value["variables"],
        tuple(_phase_from_json(each) for each in value["phases"]),
    )


def _phase_to_json(phase: PhaseMark) -> dict[str, Any]:
    plain = {
        "key": phase.key,
        "state": phase.state.value,
        "round": phase.round,
        "base_round": phase.base_round,
        "steps": [_step_to_json(step) for step in phase.steps],
    }
    asked = {} if phase.approval is None else {"approval": phase.approval, "approved": phase.approved}
    told = {"comments": list(phase.comments), "quality": [dict(each) for each in phase.quality]}
    return plain | asked | {name: each for name, each in told.items() if each}


def _phase_from_json(value: Mapping[str, Any]) -> PhaseMark:
    return PhaseMark(
        key=value["key"],
        state=PhaseState(value["state"]),
        round=value["round"],
        base_round=value["base_round"],
        comments=tuple(value.get("comments", ())),
        quality=tuple(value.get("quality", ())),
        approval=value.get("approval"),
        approved=value.get("approved", False),
        steps=tuple(_step_from_json(each) for each in value["steps"]),
    )


def _step_to_json(step: StepMark) -> dict[str, Any]:
    told: dict[str, Any] = {
        "attempt": step.attempt,
        "sha256": step.sha256,
        "needs": list(step.needs),
        "items": [[item.state.value, item.attempt, item.sha256] for item in step.items],
    }
    plain: dict[str, Any] = {"key": step.key, "state": step.state.value, "on_failure": step.on_failure}
    if step.generation is not None:
        plain["generation"] = step.generation
    return plain | {name: each for name, each in told.items() if each}


def _step_from_json(value: Mapping[str, Any]) -> StepMark:
    return StepMark(
        key=value["key"],
        state=StepState(value["state"]),
        attempt=value.get("attempt", 0),
        sha256=value.get("sha256"),
        on_failure=value["on_failure"],
        needs=tuple(value.get("needs", ())),
        items=tuple(ItemMark(StepState(state), attempt, sha256) for state, attempt, sha256 in value.get("items", ())),
        generation=value.get("generation"),
    )
