"""Going back while others work on the project: nothing of the old round is done, and nothing under way is lost."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, transaction

from orchestrator_site import faults
from orchestrator_site.access.actors import system_actor
from orchestrator_site.history import services as history
from projects.errors import RefusedInState
from projects.models import Project, Step
from projects.services import checkpoints, claims, control, progressing
from projects.services.workers import this_process
from projects.states import StepState
from tests.behaviour.going_back import WHOLE, back, numbers, paused, resumed, through
from tests.builders import claim, drive, kinds, project_of, ready_steps, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("calls")]


def test_after_it_nothing_looks_at_the_old_round() -> None:
    project = drive(project_of(WHOLE), steps=2)
    old = step(project, "calls[1]")
    assert old.state == "ready"
    paused(project)
    back(project, number=1)
    resumed(project)
    drive(project, steps=0)

    assert claims.claim(project.pk, old.pk, this_process()) is None
    before = Step.objects.filter(project=project, phase__key="draft", round=1)
    assert not before.filter(state__in=("pending", "ready", "waiting")).exists()
    shown = progressing.progress(project_id=project.pk)
    assert [phase.done for phase in shown.phases] == [0, 0, 0]


def test_no_claim_slips_past_a_restore() -> None:
    """Another connection claims what was sent before, all the while: nothing of the old round is ever done."""
    for _ in range(5):
        many = ", ".join(f"{{key: s{n}, agent: says}}" for n in range(20))
        project = drive(project_of(f"phases: [{{key: one, steps: [{many}]}}]"), steps=1)
        old = [each.pk for each in ready_steps(project)]
        paused(project)
        claimed: list[Any] = []
        begun = threading.Event()

        def claim_all(project: Project = project, old: list[Any] = old, claimed: list[Any] = claimed) -> None:
            begun.set()  # noqa: B023 joined below
            for pk in old:
                claimed.append(claims.claim(project.pk, pk, this_process()))
            connection.close()

        thread = threading.Thread(target=claim_all)
        thread.start()
        begun.wait()
        back(project, number=1)
        thread.join()

        assert set(claimed) == {None}
        assert not Step.objects.filter(project=project, round=1, state__in=("ready", "running")).exists()


def test_a_restore_waits_for_who_holds_the_project_and_sees_what_they_did() -> None:
    project = drive(project_of(WHOLE), steps=2)
    paused(project)
    done = threading.Event()
    refusals: list[Exception] = []

    def go_back() -> None:
        try:
            back(project, number=1)
        except RefusedInState as error:
            refusals.append(error)
        done.set()
        connection.close()

    thread = threading.Thread(target=go_back)
    with transaction.atomic():
        Project.objects.lock_for_control(project.pk)
        thread.start()
        assert not done.wait(0.3)
        control.resume(project_id=project.pk, actor=system_actor())
    thread.join()

    assert "pause it first" in str(refusals[0])


def test_a_restore_that_does_not_commit_has_not_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    project = through(project_of(WHOLE))
    before, taken, told = checkpoints.read_now(project.pk).mark, numbers(project), kinds(project)
    monkeypatch.setitem(faults._faults, "in_restore", "raise")

    with pytest.raises(faults.FaultInjected):
        back(project, number=1)

    assert checkpoints.read_now(project.pk).mark == before
    assert (numbers(project), kinds(project)) == (taken, told)


def test_events_that_were_under_way_when_a_checkpoint_was_taken_are_not_lost() -> None:
    """A worker's commit is open while another pauses: its event has the lower number, and comes into sight later."""
    project = drive(project_of(WHOLE), steps=0)
    facts = claim(step(project, "facts"))
    assert facts is not None
    paused_meanwhile = threading.Event()

    def pause() -> None:
        paused(project)
        paused_meanwhile.set()
        connection.close()

    with transaction.atomic():
        claims.complete(claims.Outcome(facts, "[1, 2, 3]", 0, 0, 0.0), this_process())
        thread = threading.Thread(target=pause)
        thread.start()
        assert paused_meanwhile.wait(5)
    thread.join()

    taken = numbers(project)[2]
    ended = history.events_of(project.pk).filter(kind="step.completed").get()
    assert ended.id < taken.event
    assert checkpoints.read(taken).mark.phases[0].steps[0].state is StepState.RUNNING
    reading = checkpoints.read_now(project.pk)
    assert reading.mark.phases[0].steps[0].state is StepState.COMPLETED
    _, rebuilt = checkpoints.at_event(project_id=project.pk, event=reading.event, number=2)
    assert rebuilt == reading.mark
