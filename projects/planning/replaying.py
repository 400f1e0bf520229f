"""Replaying: from a mark and the events after it to the mark at a later event. Pure.

A whole state is written at a few boundaries only; between them the history says what happened, step by step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from projects.planning.marks import ItemMark, Mark, PhaseMark, StepMark
from projects.states import PHASE, STEP, PhaseState, ProjectState, StepState


@dataclass(frozen=True, slots=True)
class Happening:
    """An event of the history, as far as it moves a mark."""

    kind: str
    subject: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


class NotReplayable(Exception):
    """Something happened of which the events do not say all that a mark needs."""


def replay(mark: Mark, happenings: Iterable[Happening]) -> Mark:
    """The mark after the happenings, which are in the order of their numbers.

    What is told of an earlier round moves nothing, as it moved nothing then. Raises ``NotReplayable`` where the plan
    was changed on the way: what the changed plan holds stands in a checkpoint and in no event.
    """
    working = _Working(mark)
    for each in happenings:
        working.take(each)
    return working.mark()


@dataclass(slots=True)
class _Step:
    key: str
    on_failure: str
    needs: tuple[str, ...]
    state: StepState = StepState.PENDING
    attempt: int = 0
    sha256: str | None = None
    items: list[ItemMark] = field(default_factory=list)
    generation: int | None = None

    def begin_anew(self) -> None:
        self.state, self.attempt, self.sha256, self.items = StepState.PENDING, 0, None, []
        self.generation = None


@dataclass(slots=True)
class _Phase:
    key: str
    state: PhaseState
    round: int
    base_round: int
    comments: tuple[str, ...]
    quality: tuple[Mapping[str, Any], ...]
    approval: str | None
    approved: bool
    steps: dict[str, _Step]

    def begin_anew(self) -> None:
        self.approval, self.approved = None, False
        for step in self.steps.values():
            step.begin_anew()


class _Working:
    """A mark that is being moved on."""

    def __init__(self, mark: Mark) -> None:
        self.state = mark.state
        self.plan_version = mark.plan_version
        self.variables = mark.variables
        self.phases = {phase.key: _thaw(phase) for phase in mark.phases}
        self.of_step = {key: phase for phase in self.phases.values() for key in phase.steps}

    def mark(self) -> Mark:
        return Mark(
            self.state, self.plan_version, self.variables, tuple(_freeze(each) for each in self.phases.values())
        )

    def take(self, event: Happening) -> None:
        if event.kind == "project.intervened":
            raise NotReplayable(event.kind)
        family = event.kind.partition(".")[0]
        if family == "step":
            self._step(event)
        elif family == "swarm":
            self._search(event)
        elif family == "phase" or event.kind == "gate.judged":
            self._phase(event)
        elif family == "approval":
            self._approval(event)
        elif family == "project":
            self._project(event)

    # --- steps and items ---------------------------------------------------------------------------------------

    def _step(self, event: Happening) -> None:
        key, place = _key_and_place(event.subject)
        phase = self.of_step.get(key)
        if phase is None or event.data.get("round") != phase.round:
            return
        step = phase.steps[key]
        if event.kind == "step.expanded":
            count = int(event.data["items"])
            step.items = [ItemMark(StepState.PENDING)] * count
            step.state = StepState.WAITING if count else StepState.COMPLETED
        elif event.kind == "step.items_stopped":
            step.items = [_stopped(item) for item in step.items]
        elif event.kind in _STEP_STATES or event.kind == "step.carried":
            state = _STEP_STATES.get(event.kind) or StepState(event.data["state"])
            self._ends_in(step, place, state, event.data, carried=event.kind == "step.carried")

    def _ends_in(
        self, step: _Step, place: int | None, state: StepState, data: Mapping[str, Any], *, carried: bool
    ) -> None:
        if place is not None and step.generation is not None:
            return  # an item of a search
        if place is None:
            step.attempt = 0 if carried else data.get("attempt", step.attempt)
            step.state, step.sha256 = state, data.get("result_sha256") if state is StepState.COMPLETED else None
            return
        while len(step.items) <= place:  # items that are carried are told one by one, their list before them
            step.items.append(ItemMark(StepState.PENDING))
        attempt = 0 if carried else data.get("attempt", step.items[place].attempt)
        sha256 = data.get("result_sha256") if state is StepState.COMPLETED else None
        step.items[place] = ItemMark(state, attempt, sha256)

    def _search(self, event: Happening) -> None:
        phase = self.of_step.get(event.subject)
        if phase is not None and event.data.get("round") == phase.round:
            phase.steps[event.subject].generation = int(event.data["generation"])

    # --- phases, gates, approvals ------------------------------------------------------------------------------

    def _phase(self, event: Happening) -> None:
        phase = self.phases.get(event.subject)
        if phase is None:
            return
        if event.kind == "phase.sent_back":
            phase.round, phase.state = int(event.data["round"]), PhaseState.RUNNING
            phase.comments, phase.quality = (*phase.comments, *event.data["reasons"]), ()
            phase.begin_anew()
        elif event.kind == "phase.taken_back":
            phase.state, phase.round, phase.base_round = PhaseState.PENDING, phase.round + 1, phase.base_round + 1
            phase.begin_anew()
        elif event.kind == "phase.stopping":
            self._stop(phase)
        elif event.kind == "gate.judged":
            phase.quality = tuple(event.data["quality"])
        elif event.kind in _PHASE_STATES:
            phase.state = _PHASE_STATES[event.kind]

    def _approval(self, event: Happening) -> None:
        if event.kind == "approval.opened" and event.data.get("purpose", "gate") in ("gate", "limit"):
            phase = self.phases.get(event.data.get("phase", ""))
            if phase is not None and event.data.get("round") == phase.round:
                phase.state, phase.approval, phase.approved = PhaseState.WAITING, event.subject, False
            return
        if event.kind == "approval.carried":
            phase = self.phases[event.data["phase"]]
            phase.approval, phase.approved = event.subject, True
            return
        asked = next((phase for phase in self.phases.values() if phase.approval == event.subject), None)
        if asked is None:
            return
        if event.kind == "approval.approved":
            asked.approved = True
        elif event.kind in ("approval.rejected", "approval.voided", "approval.void"):
            asked.approval, asked.approved = None, False
            if event.kind != "approval.rejected" and asked.state is PhaseState.COMPLETED:
                asked.state = PhaseState.RUNNING  # its gate is asked again

    def _stop(self, phase: _Phase) -> None:
        """Nothing new starts in the phase: what has not begun is over, and what no worker does is given up.

        A list that waits has items; what waits without any waits for a time, a signal, a person or a child.
        """
        for step in phase.steps.values():
            step.items = [_stopped(item) for item in step.items]
            waits_by_kind = step.state is StepState.WAITING and not step.items and step.generation is None
            if step.state is StepState.PENDING or waits_by_kind:
                step.state = StepState.CANCELLED

    # --- projects ----------------------------------------------------------------------------------------------

    def _project(self, event: Happening) -> None:
        if event.kind == "project.restored":
            self._restore(event.data)
            return
        self.state = _PROJECT_STATES.get(event.kind, self.state)
        if event.kind in ("project.failed", "project.cancelled"):
            for phase in self.phases.values():
                self._close(phase)

    def _close(self, phase: _Phase) -> None:
        self._stop(phase)
        for step in phase.steps.values():
            if step.state in STEP.live - {StepState.RUNNING}:
                step.state = StepState.CANCELLED
        if phase.state in PHASE.live:
            phase.state = PhaseState.CANCELLED
        if not phase.approved:
            phase.approval = None

    def _restore(self, data: Mapping[str, Any]) -> None:
        """The phases' new rounds; what they carry is told step by step, by the events that follow."""
        if data.get("plan_version", self.plan_version) != self.plan_version:
            raise NotReplayable("project.restored")
        self.state = ProjectState.RUNNING
        self.variables = data.get("variables", self.variables)
        for told in data["phases"]:
            phase = self.phases[told["key"]]
            phase.state, phase.round, phase.base_round = PhaseState(told["state"]), told["round"], told["base_round"]
            phase.comments, phase.quality = tuple(told["comments"]), tuple(told["quality"])
            phase.begin_anew()


_STEP_STATES: Mapping[str, StepState] = {
    "step.started": StepState.RUNNING,
    "step.waiting": StepState.WAITING,
    "step.completed": StepState.COMPLETED,
    "step.failed": StepState.FAILED,
    "step.skipped": StepState.SKIPPED,
    "step.cancelled": StepState.CANCELLED,
    "step.retrying": StepState.PENDING,
    "step.handed_back": StepState.PENDING,
    "step.held": StepState.PENDING,
    "step.taken_back": StepState.PENDING,
}
_PHASE_STATES: Mapping[str, PhaseState] = {
    "phase.started": PhaseState.RUNNING,
    "phase.reopened": PhaseState.RUNNING,
    "phase.completed": PhaseState.COMPLETED,
    "phase.failed": PhaseState.FAILED,
}
_PROJECT_STATES: Mapping[str, ProjectState] = {
    "project.started": ProjectState.RUNNING,
    "project.revived": ProjectState.RUNNING,
    "project.completed": ProjectState.COMPLETED,
    "project.failed": ProjectState.FAILED,
    "project.cancelled": ProjectState.CANCELLED,
}


def _key_and_place(subject: str) -> tuple[str, int | None]:
    """``calls[3]`` is item 3 of ``calls``; keys of the plan hold no bracket."""
    key, bracket, place = subject.partition("[")
    return (key, int(place[:-1])) if bracket else (key, None)


def _stopped(item: ItemMark) -> ItemMark:
    idle = item.state in (StepState.PENDING, StepState.WAITING)
    return ItemMark(StepState.CANCELLED, item.attempt) if idle else item


def _thaw(phase: PhaseMark) -> _Phase:
    steps = {
        each.key: _Step(
            each.key,
            each.on_failure,
            each.needs,
            each.state,
            each.attempt,
            each.sha256,
            list(each.items),
            each.generation,
        )
        for each in phase.steps
    }
    return _Phase(
        phase.key,
        phase.state,
        phase.round,
        phase.base_round,
        phase.comments,
        phase.quality,
        phase.approval,
        phase.approved,
        steps,
    )


def _freeze(phase: _Phase) -> PhaseMark:
    steps = tuple(
        StepMark(
            each.key,
            each.state,
            each.attempt,
            each.sha256,
            each.on_failure,
            each.needs,
            tuple(each.items),
            each.generation,
        )
        for each in phase.steps.values()
    )
    return PhaseMark(
        phase.key,
        phase.state,
        phase.round,
        phase.base_round,
        phase.comments,
        phase.quality,
        phase.approval,
        phase.approved,
        steps,
    )
