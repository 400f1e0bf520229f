"""From a mark and what happened after it to the mark that was there then."""

from __future__ import annotations

from typing import Any

import pytest

from projects.planning.marks import ItemMark, Mark, PhaseMark, StepMark
from projects.planning.replaying import Happening, NotReplayable, replay
from projects.states import PhaseState as P
from projects.states import ProjectState
from projects.states import StepState as S

START = Mark(
    ProjectState.RUNNING,
    phases=(
        PhaseMark("one", steps=(StepMark("a"), StepMark("l", needs=("a",)))),
        PhaseMark("two", steps=(StepMark("b"),)),
    ),
)


def after(*events: tuple[str, str, dict[str, Any]], mark: Mark = START) -> Mark:
    return replay(mark, (Happening(kind, subject, data) for kind, subject, data in events))


def states(mark: Mark) -> dict[str, str]:
    return {step.key: step.state.value for _, step in mark.steps}


def test_steps_and_phases_move_as_it_is_told() -> None:
    mark = after(
        ("phase.started", "one", {"round": 1}),
        ("step.started", "a", {"attempt": 1, "round": 1}),
        ("step.retrying", "a", {"attempt": 1, "round": 1}),
        ("step.started", "a", {"attempt": 2, "round": 1}),
        ("step.completed", "a", {"attempt": 2, "round": 1, "result_sha256": "d"}),
        ("step.late_result", "a", {"attempt": 1}),
        ("agent.note", "a", {"round": 1}),
    )

    assert mark.phases[0].state is P.RUNNING
    assert mark.phases[0].steps[0] == StepMark("a", S.COMPLETED, 2, "d")


def test_items_are_told_by_their_places() -> None:
    mark = after(
        ("step.expanded", "l", {"round": 1, "items": 3}),
        ("step.started", "l[1]", {"attempt": 1, "round": 1}),
        ("step.completed", "l[1]", {"attempt": 1, "round": 1, "result_sha256": "d"}),
        ("step.started", "l[0]", {"attempt": 1, "round": 1}),
        ("step.failed", "l[0]", {"attempt": 1, "round": 1}),
        ("step.items_stopped", "l", {"round": 1, "items": 1}),
    )

    [listed] = [step for _, step in mark.steps if step.key == "l"]
    assert listed.state is S.WAITING
    assert listed.items == (ItemMark(S.FAILED, 1), ItemMark(S.COMPLETED, 1, "d"), ItemMark(S.CANCELLED))
    empty = after(("step.expanded", "l", {"round": 1, "items": 0}))
    assert states(empty)["l"] == "completed"


def test_what_is_told_of_an_earlier_round_moves_nothing() -> None:
    again = after(("phase.sent_back", "one", {"round": 2, "reasons": ["longer"]}))
    assert after(("step.completed", "a", {"attempt": 1, "round": 1}), mark=again) == again
    assert (again.phases[0].round, again.phases[0].comments, again.phases[0].state) == (2, ("longer",), P.RUNNING)


def test_when_a_phase_stops_or_the_project_ends_the_rest_is_cancelled() -> None:
    running = after(("phase.started", "one", {}), ("step.started", "a", {"attempt": 1, "round": 1}))
    stopping = after(("phase.stopping", "one", {"round": 1}), mark=running)
    failed = after(
        ("step.failed", "a", {"attempt": 1, "round": 1}),
        ("phase.failed", "one", {}),
        ("project.failed", "", {}),
        mark=stopping,
    )

    assert states(stopping) == {"a": "running", "l": "cancelled", "b": "pending"}
    assert states(failed) == {"a": "failed", "l": "cancelled", "b": "cancelled"}
    assert (failed.state, [phase.state for phase in failed.phases]) == (ProjectState.FAILED, [P.FAILED, P.CANCELLED])


def test_approvals_are_asked_given_and_taken_back() -> None:
    asked = after(("approval.opened", "x", {"phase": "one", "round": 1, "purpose": "gate"}))
    other = after(("approval.opened", "x", {"phase": "one", "round": 1, "purpose": "budget"}))
    through = after(("approval.approved", "x", {}), ("phase.completed", "one", {}), mark=asked)
    again = after(("approval.voided", "x", {"phase": "one"}), mark=through)

    assert (asked.phases[0].state, asked.phases[0].approval, asked.phases[0].approved) == (P.WAITING, "x", False)
    assert other == START
    assert (through.phases[0].state, through.phases[0].approved) == (P.COMPLETED, True)
    assert (again.phases[0].state, again.phases[0].approval) == (P.RUNNING, None)
    rejected = after(("approval.rejected", "x", {}), mark=asked)
    assert rejected.phases[0].approval is None


def test_a_restore_is_told_by_its_rounds_and_by_what_it_carries() -> None:
    done = after(
        ("step.completed", "a", {"attempt": 1, "round": 1, "result_sha256": "d"}), ("project.completed", "", {})
    )
    head = {"key": "one", "state": "running", "round": 2, "base_round": 2, "comments": [], "quality": []}

    back = after(
        ("project.restored", "", {"phases": [head], "plan_version": 1, "variables": {"n": 2}}),
        ("step.carried", "a", {"round": 2, "state": "completed", "result_sha256": "d"}),
        ("step.carried", "l", {"round": 2, "state": "waiting"}),
        ("step.carried", "l[0]", {"round": 2, "state": "completed", "result_sha256": "e"}),
        ("step.carried", "l[1]", {"round": 2, "state": "pending"}),
        ("approval.carried", "y", {"phase": "two", "round": 1}),
        mark=done,
    )

    assert (back.state, back.variables) == (ProjectState.RUNNING, {"n": 2})
    assert back.phases[0].steps == (
        StepMark("a", S.COMPLETED, 0, "d"),
        StepMark("l", S.WAITING, needs=("a",), items=(ItemMark(S.COMPLETED, 0, "e"), ItemMark(S.PENDING))),
    )
    assert (back.phases[1].approval, back.phases[1].approved) == ("y", True)


@pytest.mark.parametrize(
    "event",
    [
        ("project.intervened", "a", {"plan_after": 2}),
        ("project.restored", "", {"plan_version": 2, "phases": []}),
    ],
)
def test_a_change_of_the_plan_cannot_be_told_from_events(event: tuple[str, str, dict[str, Any]]) -> None:
    with pytest.raises(NotReplayable):
        after(event)
