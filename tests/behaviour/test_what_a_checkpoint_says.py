"""A checkpoint says how the project stood, is refused where it was changed, and the history tells what came after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestrator_site.access.actors import system_actor
from orchestrator_site.history import services as history
from projects.errors import CheckpointDamaged
from projects.models import Checkpoint, Phase, Project, Step
from projects.models.approval import Verdict
from projects.planning.marks import Mark
from projects.services import advancing, approvals, checkpoints, restoring
from projects.states import PhaseState, StepState
from tests.behaviour.going_back import WHOLE, back, numbers, paused, resumed, through
from tests.builders import agent_that, approver, claim, drive, kinds, look, open_approval, project_of, run, states, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("calls")]


def test_checkpoints_are_taken_at_the_start_after_each_phase_at_a_pause_and_on_request() -> None:
    project = drive(project_of(WHOLE), steps=2)
    paused(project)
    checkpoints.request(project_id=project.pk, actor=system_actor(), label="before lunch")
    through(project)

    taken = [(each.occasion, each.label) for each in numbers(project).values()]
    assert [occasion for occasion, _ in taken] == ["start", "pause", "request", "phase", "phase"]
    assert ("request", "before lunch") in taken
    assert "checkpoint.taken" in kinds(project)


def test_a_checkpoint_says_how_the_project_stood() -> None:
    project = drive(project_of(WHOLE))
    mark = checkpoints.read(checkpoints.request(project_id=project.pk, actor=system_actor())).mark

    draft = mark.by_key["draft"]
    assert draft.state is PhaseState.WAITING
    assert draft.approval == str(open_approval(project).pk)
    told = {each.key: (each.state, each.needs, len(each.items)) for each in draft.steps}
    assert told == {
        "facts": (StepState.COMPLETED, (), 0),
        "calls": (StepState.COMPLETED, ("facts",), 3),
        "maybe": (StepState.SKIPPED, ("facts",), 0),
        "brief": (StepState.COMPLETED, ("calls", "maybe"), 0),
    }
    said = history.events_of(project.pk).filter(kind="step.completed", subject="facts").get()
    assert draft.steps[0].sha256 == said.data["result_sha256"]


@pytest.mark.parametrize("damage", ["content", "sha256", "encoding", "cut"])
def test_a_checkpoint_that_was_changed_is_refused_by_its_name(damage: str) -> None:
    project = drive(project_of(WHOLE))
    taken = numbers(project)[1]
    changes = {
        "content": {"content": checkpoints.zlib.compress(checkpoints._unpacked(taken).replace(b"pending", b"skipped"))},
        "sha256": {"sha256": "0" * 64},
        "encoding": {"encoding": "zip"},
        "cut": {"content": bytes(taken.content)[:-9]},
    }
    Checkpoint.objects.filter(pk=taken.pk).update(**changes[damage])
    paused(project)

    for act in (lambda: back(project, number=1), lambda: restoring.preview(project_id=project.pk, number=1)):
        with pytest.raises(CheckpointDamaged, match=r"Checkpoint 1 of project"):
            act()
    assert look(project).directive == "pause"


def test_what_was_made_out_of_the_history_is_what_was_there() -> None:
    """At each moment of a run with rework, retries, a failure and two restores, from every earlier checkpoint."""
    seen: dict[int, Mark] = {}

    def note(project: Project) -> None:
        reading = checkpoints.read_now(project.pk)
        seen[reading.event] = reading.mark

    project = eventful(note)

    assert len(seen) > 25
    for event, mark in seen.items():
        for base in numbers(project).values():
            if base.event <= event:
                _, rebuilt = checkpoints.at_event(project_id=project.pk, event=event, number=base.number)
                assert rebuilt == mark, f"event {event} from checkpoint {base.number}"


def test_a_phase_that_stops_while_a_step_of_it_runs_is_told_by_the_history() -> None:
    agent_that(lambda context: 1 / 0, "breaks")
    project = drive(
        project_of("""
        defaults: {retry: {max_attempts: 1}}
        phases:
          - key: one
            steps:
              - {key: a, agent: breaks}
              - {key: b, agent: says, needs: []}
              - {key: c, agent: says, needs: [b]}
              - {key: d, agent: says, for_each: "[1, 2]"}
        """),
        steps=0,
    )
    assert claim(step(project, "b")) is not None
    assert claim(step(project, "d[0]")) is not None
    run(step(project, "a"))
    advancing.advance(project.pk)

    assert states(project) == {
        "a": "failed", "b": "running", "c": "cancelled", "d": "waiting", "d[0]": "running", "d[1]": "cancelled",
    }  # fmt: skip
    reading = checkpoints.read_now(project.pk)
    _, rebuilt = checkpoints.at_event(project_id=project.pk, event=reading.event, number=1)
    assert rebuilt == reading.mark


def eventful(note: Callable[[Project], None]) -> Project:
    """A project to which much happens; ``note`` is called whenever it stands still."""
    failing = {"right": 1, "join": 99}

    def moody(context: Any) -> Any:
        if failing.get(context.step_key, 0) > 0:
            failing[context.step_key] -= 1
            raise RuntimeError("not today")
        return context.params.get("say")

    agent_that(moody, "says")
    project = project_of("defaults: {retry: {max_attempts: 3, base: 0s, jitter: none}}\n" + WHOLE)

    def slowly() -> None:
        for _ in range(60):
            before = len(kinds(project))
            drive(project, steps=1)
            note(project)
            if len(kinds(project)) == before:
                return

    note(project)
    slowly()
    approvals.decide(
        approval_id=open_approval(project).pk,
        user=approver("bea"),
        verdict=Verdict.REJECT,
        comment="longer",
        via="test",
    )
    slowly()
    paused(project)
    note(project)
    back(project, number=1)
    note(project)
    resumed(project)
    slowly()
    approvals.decide(approval_id=open_approval(project).pk, user=approver("cid"), verdict=Verdict.APPROVE, via="test")
    note(project)
    slowly()
    assert look(project).state == "failed"
    failing.clear()
    back(project, number=max(n for n, each in numbers(project).items() if each.occasion == "phase"))
    note(project)
    slowly()
    assert look(project).state == "completed"
    return look(project)


def test_a_gate_that_took_its_approval_back_is_told_by_the_history() -> None:
    """What was approved changed before anything followed: the phase after it was taken back, and it was asked anew."""
    project = drive(project_of(WHOLE))
    approvals.decide(approval_id=open_approval(project).pk, user=approver(), verdict=Verdict.APPROVE, via="test")
    drive(project, steps=0)
    changed = step(project, "calls[0]")
    Step.objects.filter(pk=changed.pk).update(result=["changed by hand"])
    Phase.objects.filter(project=project, key="draft").update(
        gate={"approval": {"title": "Approve ${results.calls}", "content": {"headline": "Calm"}}}
    )
    advancing.advance(project.pk)

    assert "phase.taken_back" in kinds(project)
    reading = checkpoints.read_now(project.pk)
    for base in numbers(project).values():
        _, rebuilt = checkpoints.at_event(project_id=project.pk, event=reading.event, number=base.number)
        assert rebuilt == reading.mark
