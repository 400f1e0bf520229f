"""Pause, resume and cancel: after they have committed, no step starts."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from orchestrator_site.access.actors import system_actor
from projects.errors import RefusedInState
from projects.models import Step
from projects.services import control, progressing
from projects.services.workers import this_process
from tests.builders import agent_that, claim, drive, kinds, look, project_of, ready_steps, run, states, step

pytestmark = pytest.mark.django_db(transaction=True)

THREE = """
phases:
  - key: one
    steps:
      - {key: a, agent: echo}
      - {key: b, agent: echo, needs: [a]}
      - {key: c, agent: echo, needs: [b]}
"""


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: context.params.get("say"), "echo")


def test_a_paused_project_starts_no_step_and_goes_on_when_resumed() -> None:
    project = drive(project_of(THREE), steps=1)
    waiting = ready_steps(project)
    control.pause(project_id=project.pk, actor=system_actor())

    assert claim(waiting[0]) is None
    assert drive(project, steps=0).state == "running"
    assert states(project) == {"a": "completed", "b": "ready", "c": "pending"}

    control.resume(project_id=project.pk, actor=system_actor())
    assert drive(project).state == "completed"


def test_a_pause_in_the_middle_of_a_leg_stops_it_at_the_next_step() -> None:
    project = project_of(THREE)
    agent_that(lambda context: control.pause(project_id=project.pk, actor=system_actor()) and None, "echo")
    drive(project, steps=0)

    run(*[step(project, key) for key in "abc"])

    assert states(project) == {"a": "completed", "b": "pending", "c": "pending"}


def test_a_leg_commits_each_step_and_claims_the_next_in_one_statement() -> None:
    project = project_of(THREE)
    drive(project, steps=0)
    leg = [step(project, key) for key in "abc"]

    with CaptureQueriesContext(connection) as queries:
        run(*leg)

    assert len([query for query in queries if query["sql"].startswith(("WITH", "UPDATE", "INSERT"))]) == 4

    assert states(project) == {"a": "completed", "b": "completed", "c": "completed"}
    assert kinds(project)[-6:] == ["step.started", "step.completed"] * 3


@pytest.mark.parametrize("attempt", range(5))
def test_no_claim_slips_past_a_pause_that_has_committed(attempt: int) -> None:
    project = project_of(
        "phases: [{key: one, steps: [" + ", ".join(f"{{key: s{n}, agent: echo}}" for n in range(30)) + "]}]"
    )
    drive(project, steps=0)
    steps = ready_steps(project)
    late: list[str] = []
    paused = threading.Event()

    def claim_all() -> None:
        for each in steps:
            was_paused = paused.is_set()
            if claim(each) is not None and was_paused:
                late.append(each.key)
        connection.close()

    def pause() -> None:
        control.pause(project_id=project.pk, actor=system_actor())
        paused.set()
        connection.close()

    threads = [threading.Thread(target=claim_all), threading.Thread(target=pause)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert late == []


def test_a_cancelled_project_ends_and_what_runs_is_told() -> None:
    project = project_of(THREE)
    seen = []

    def cancels(context: Any) -> None:
        control.cancel(project_id=project.pk, actor=system_actor(), reason="changed my mind")
        seen.append(context.cancelled())

    agent_that(cancels, "echo")
    drive(project)

    assert seen == [True]
    assert look(project).state == "cancelled"
    assert states(project) == {"a": "completed", "b": "cancelled", "c": "cancelled"}


def test_a_forced_cancel_does_not_wait_and_refuses_what_comes_late() -> None:
    project = drive(project_of(THREE), steps=0)
    late = claim(step(project, "a"))
    assert late is not None

    control.cancel(project_id=project.pk, actor=system_actor(), force=True)

    assert look(project).state == "cancelled"
    assert not Step.objects.filter(project=project, state="running").exists()


@pytest.mark.parametrize("verb", [control.pause, control.resume, control.cancel])
def test_a_project_that_is_over_cannot_be_steered(verb: Any) -> None:
    project = drive(project_of(THREE))

    with pytest.raises(RefusedInState, match="completed"):
        verb(project_id=project.pk, actor=system_actor())


def test_a_project_can_run_after_another() -> None:
    from projects.services.recovery import recover

    first = project_of(THREE, started=False)
    second = project_of(THREE, after=[first.pk])
    assert look(second).state == "pending"

    control.start(project_id=first.pk, actor=system_actor())
    drive(first)
    recover()

    assert drive(second).state == "completed"


def test_a_project_whose_predecessor_failed_is_cancelled() -> None:
    from projects.services.recovery import recover

    first = project_of(THREE, started=False)
    second = project_of(THREE, after=[first.pk])
    control.cancel(project_id=first.pk, actor=system_actor())
    recover()

    assert look(second).state == "cancelled"
    assert "did not complete" in look(second).failure


def test_a_project_that_does_not_move_says_why_in_one_sentence() -> None:
    def why() -> str:
        return progressing.next_action(look(project))

    project = project_of(THREE, started=False)
    assert why() == "Created, not started: start it."

    control.start(project_id=project.pk, actor=system_actor())
    assert "no worker of pool 'cpu' is alive" in why()

    this_process().pools = ["cpu"]
    this_process().beat_once()
    assert "waits for a free worker of pool 'cpu'" in why()

    assert claim(step(project, "a")) is not None
    assert why() == "Working on a."

    control.pause(project_id=project.pk, actor=system_actor())
    assert "Paused since" in why()
    assert "1 running step may finish" in why()


def test_a_pause_waits_for_a_claim_that_is_under_way() -> None:
    project = drive(project_of(THREE), steps=0)
    paused = threading.Event()

    def pause() -> None:
        control.pause(project_id=project.pk, actor=system_actor())
        paused.set()
        connection.close()

    thread = threading.Thread(target=pause)
    with transaction.atomic():
        assert claim(step(project, "a")) is not None
        thread.start()
        assert not paused.wait(0.5), "the pause has committed beside an open claim, which then starts after it"
    thread.join()

    assert paused.is_set()


def test_what_was_sent_before_a_pause_is_sent_anew_on_resume() -> None:
    project = drive(project_of(THREE), steps=0)
    control.pause(project_id=project.pk, actor=system_actor())
    run(step(project, "a"))  # the message is turned away, and is gone
    sent = step(project, "a").published_at

    control.resume(project_id=project.pk, actor=system_actor())
    drive(project, steps=0)

    assert step(project, "a").published_at > sent
