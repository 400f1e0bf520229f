"""Recovery: what a crash, a lost message or a slow worker leaves is put back on its way, and a late result refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.db.models.functions import Now

from orchestrator_site.conf import conf
from projects.models import Attempt, Step
from projects.services import advancing, doorbell
from projects.services.recovery import recover
from projects.services.workers import WorkerProcess, this_process
from tests.builders import agent_that, by_force, claim, drive, kinds, look, project_of, result, run, states, step

pytestmark = pytest.mark.django_db(transaction=True)

ONE = "phases: [{key: one, steps: [{key: a, agent: echo, params: {say: done}}]}]"


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: context.params.get("say"), "echo")
    doorbell.set_up()


def age(**fields: Any) -> None:
    """Make every running step's or message's moment lie in the past."""
    Step.objects.filter(finished_at=None).update(**{name: Now() - by for name, by in fields.items()})


def silence(project: Any) -> None:
    Step.objects.filter(project=project, state="running").update(lease_until=Now() - timedelta(seconds=1))


def test_a_step_of_a_silent_worker_is_given_to_another_and_its_late_result_refused() -> None:
    def slow(context: Any) -> str:
        if context.attempt > 1:
            return "done"
        silence(project)
        assert recover().steps_taken_back == 1
        drive(project)
        assert look(project).state == "completed"
        return "too late"

    agent_that(slow, "slow")
    project = project_of("phases: [{key: one, steps: [{key: a, agent: slow}]}]")

    run(step(project, "a"))

    assert result(project, "a") == "done"
    assert kinds(project).count("step.completed") == 1
    assert kinds(project)[-1] == "step.late_result"


def test_a_worker_that_renews_its_lease_keeps_its_step() -> None:
    project = drive(project_of(ONE), steps=0)
    claimed = claim(step(project, "a"))
    assert claimed is not None
    held = this_process().hold(claimed.id, claimed.attempt)
    silence(project)

    this_process().beat_once()

    assert recover().steps_taken_back == 0
    assert not held.lost.is_set()
    this_process().release(held)


def test_a_worker_learns_that_its_step_was_taken_from_it() -> None:
    project = drive(project_of(ONE), steps=0)
    other = WorkerProcess()
    claimed = claim(step(project, "a"), other)
    assert claimed is not None
    held = other.hold(claimed.id, claimed.attempt)
    silence(project)
    recover()

    other.beat_once()

    assert held.lost.is_set()


def test_a_step_that_loses_its_worker_too_often_is_poison() -> None:
    project = drive(project_of(ONE), steps=0)
    for _ in range(conf().crash_limit):
        assert claim(step(project, "a")) is not None
        silence(project)
        recover()

    assert look(project).state == "failed"
    assert step(project, "a").error["code"] == "poison_step"
    assert list(Attempt.objects.values_list("outcome", flat=True)) == ["lost"] * conf().crash_limit


def test_an_attempt_that_goes_on_long_after_its_timeout_is_taken_away_though_its_worker_lives() -> None:
    project = drive(project_of(ONE), steps=0)
    claim(step(project, "a"))
    age(timeout_at=timedelta(minutes=5))

    assert recover().steps_taken_back == 1
    assert list(Attempt.objects.values_list("outcome", flat=True)) == ["timed_out"]


def test_a_message_that_nobody_claimed_is_sent_again_after_its_bound_and_not_before() -> None:
    project = drive(project_of(ONE), steps=0)
    sent = step(project, "a").published_at
    recover()
    assert step(project, "a").published_at == sent

    lose_messages()
    age(published_at=timedelta(seconds=conf().publish_bound_seconds + 1))
    assert recover().messages_sent_again == 1
    assert step(project, "a").published_at > sent


def test_a_message_that_stands_in_a_long_queue_is_not_sent_again_however_old_it_is() -> None:
    """Each that came twice would make the queue longer, and have its project looked at once more."""
    lose_messages()
    drive(project_of(ONE), steps=0)
    age(published_at=timedelta(seconds=conf().publish_bound_seconds * 10))

    assert recover().messages_sent_again == 0
    assert _standing("cpu.normal") == 1

    lose_messages()
    assert recover().messages_sent_again == 1
    assert _standing("cpu.normal") == 1


def test_a_message_is_lost_if_one_that_was_sent_later_to_its_queue_is_being_done() -> None:
    lose_messages()
    lost, later, other = (drive(project_of(ONE), steps=0) for _ in range(3))
    urgent = drive(project_of(ONE, priority="critical"), steps=0)
    age(published_at=timedelta(seconds=conf().publish_bound_seconds + 10))
    assert claim(step(urgent, "a")) is not None
    Step.objects.filter(project=urgent).update(published_at=Now())
    assert recover().messages_sent_again == 0, "that was another queue"

    Step.objects.filter(project=later).update(published_at=Now())
    assert claim(step(later, "a")) is not None

    assert recover().messages_sent_again == 2
    assert all(is_fresh(step(project, "a")) for project in (lost, other))


def lose_messages() -> None:
    """What the broker holds is gone, and it does not know."""
    with current_app.connection_for_write() as broker:
        broker.default_channel.client.flushall()
    doorbell.set_up()


def _standing(queue: str) -> int:
    with current_app.connection_for_write() as broker:
        return int(broker.default_channel.client.llen(queue))


def is_fresh(sent: Step) -> bool:
    return bool(Step.objects.filter(pk=sent.pk, published_at__gt=Now() - timedelta(seconds=5)).exists())


def test_a_project_that_nobody_looks_at_is_moved_on() -> None:
    project = project_of(ONE)
    with by_force():
        Step.objects.update(state="pending", published_at=None)  # as it is where the advance after the start was lost

    assert recover().projects_advanced == 1

    assert states(project) == {"a": "ready"}


def test_a_result_whose_advance_never_came_is_found() -> None:
    project = drive(project_of(ONE), steps=0)
    run(step(project, "a"))
    assert look(project).state == "running"

    recover()

    assert look(project).state == "completed"


def test_recovery_that_finds_nothing_changes_nothing() -> None:
    project = drive(project_of(ONE))
    before = kinds(project)

    found = recover()

    assert not found.anything
    assert found.projects_advanced == 0
    assert kinds(project) == before


def test_a_doubled_message_does_nothing() -> None:
    project = drive(project_of(ONE), steps=0)
    sent = step(project, "a")
    run(sent)
    run(sent)
    advancing.advance(project.pk)
    advancing.advance(project.pk)

    assert kinds(project).count("step.started") == 1
    assert kinds(project).count("project.completed") == 1
