"""How long a step may wait for somebody to begin it, and how long it may take with all its attempts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from agents.usage import CallUsage
from orchestrator_site.access.actors import system_actor
from projects.errors import AttemptOver
from projects.models import Attempt, Project, Step, Timer
from projects.models.worker import Worker
from projects.services import advancing, answers, control, recovery, timers
from projects.services.workers import WorkerProcess, this_process
from tests.behaviour.remote import Remote, accepts
from tests.builders import (
    agent_that,
    claim,
    drive,
    finish,
    in_two_hands,
    kinds,
    later,
    project_of,
    result,
    states,
    step,
)

pytestmark = pytest.mark.django_db(transaction=True)

WAITS = "phases: [{{key: p, steps: [{{key: a, agent: works, timeouts: {{{}}}{}}}]}}]"


@pytest.fixture(autouse=True)
def works() -> None:
    agent_that(lambda context: "worked", "works")


@pytest.mark.parametrize("around", [nullcontext, transaction.atomic])
def test_one_that_is_interrupted_in_a_statement_of_its_own_fails_as_any_other(around: Callable[[], Any]) -> None:
    def asks(_context: Any) -> None:
        with around(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(600)")

    agent_that(asks, "asks")
    given_up = "{key: a, agent: asks, timeout: 0.5s, on_failure: continue, retry: {max_attempts: 2, base: 0, cap: 0}}"
    project = drive(project_of(f"phases: [{{key: p, steps: [{given_up}, {{key: b, agent: works, needs: [a]}}]}}]"))

    assert states(project) == {"a": "failed", "b": "completed"}
    assert list(Attempt.objects.order_by("started_at").values_list("outcome", flat=True)) == [
        *("timed_out", "timed_out"),
        "completed",
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep' AND state = 'active'")
        assert cursor.fetchone()[0] == 0, "the server does not go on with what nobody waits for"


def ready(limits: str, more: str = "") -> Project:
    project = project_of(WAITS.format(limits, more))
    advancing.advance(project.pk)
    return project


def a_worker_lives() -> None:
    this_process().pools = ["cpu", "io"]
    this_process().beat_once()
    Worker.objects.update(pools=["cpu", "io"], seen_at=Now())


def test_a_step_that_no_worker_claims_in_time_fails_and_says_so() -> None:
    project = ready("schedule_to_start: 60")
    later(project, 59)
    assert states(project) == {"a": "ready"}

    later(project, 2)

    failed = step(project, "a")
    assert (failed.state, failed.error["code"]) == ("failed", "start_timed_out")
    assert drive(project).state == "failed"
    assert Attempt.objects.get(step=failed).outcome == "timed_out"
    assert not Timer.objects.filter(step=failed).exists()


def test_a_constant_stands_in_where_no_worker_is(by_messages: None) -> None:
    project = ready("schedule_to_start: 60", ", fallback: {value: nobody}")

    later(project, 61)

    assert (result(project, "a"), step(project, "a").degraded["cause"]) == ("nobody", "no_agent")


def test_another_agent_stands_in_only_where_a_worker_can_ask_it() -> None:
    agent_that(lambda context: "spared", "spare")
    project = ready("schedule_to_start: 60", ", fallback: {agent: spare}")
    a_worker_lives()
    later(project, 61)
    assert states(project) == {"a": "ready"}

    assert drive(project).state == "completed"
    assert (result(project, "a"), step(project, "a").degraded["by"]) == ("spared", "spare")

    Worker.objects.all().delete()
    forlorn = ready("schedule_to_start: 60", ", fallback: {agent: spare}")
    later(forlorn, 61)
    assert states(forlorn) == {"a": "failed"}


def test_a_pause_stops_the_clock() -> None:
    project = ready("schedule_to_start: 60")
    later(project, 40)
    control.pause(project_id=project.pk, actor=system_actor())
    later(project, 100)
    assert states(project) == {"a": "ready"}

    control.resume(project_id=project.pk, actor=system_actor())
    later(project, 15)
    assert states(project) == {"a": "ready"}
    later(project, 10)
    assert states(project) == {"a": "failed"}


def test_what_somebody_began_in_time_takes_as_long_as_it_does() -> None:
    project = ready("schedule_to_start: 60")
    claimed = claim(step(project, "a"))
    assert claimed is not None
    Attempt.objects.update(performer="works")

    later(project, 100)
    finish(claimed)

    assert drive(project).state == "completed"


def test_the_next_attempt_has_the_whole_time_again() -> None:
    failing = [True]

    def works(context: Any) -> str:
        if failing:
            raise ValueError("not yet")
        return "worked"

    agent_that(works, "works")
    project = ready("schedule_to_start: 60", ", retry: {base: 600, cap: 600, jitter: none}")
    drive(project, steps=1)
    assert step(project, "a").failures == 1

    failing.clear()
    later(project, 610)
    advancing.advance(project.pk)
    assert states(project) == {"a": "ready"}
    assert drive(project).state == "completed"


def test_items_have_clocks_of_their_own() -> None:
    agent_that(lambda context: [1, 2, 3], "lists")
    project = project_of(
        """
        phases:
          - key: p
            steps:
              - {key: l, agent: lists}
              - {key: a, agent: works, needs: [l], for_each: results.l, timeouts: {schedule_to_start: 60}}
        """
    )
    drive(project, steps=2)
    assert Timer.objects.filter(project=project, kind="start").count() == 3

    later(project, 61)

    items = [states(project)[f"a[{n}]"] for n in range(2)]
    assert items == ["completed", "failed"]


def test_the_time_with_all_attempts_ends_one_that_runs_and_refuses_what_it_brings(
    remote: Callable[..., Remote],
) -> None:
    agent = remote("works-later", accepts)
    text = WAITS.format("schedule_to_close: 60", ", timeout: 55").replace("agent: works", "agent: works-later")
    project = drive(project_of(text))
    assert states(project) == {"a": "running"}
    answers.heartbeat(agent.token, within=500)

    later(project, 61)

    assert (states(project), step(project, "a").error["code"]) == ({"a": "failed"}, "agent_timed_out")
    with pytest.raises(AttemptOver):
        answers.complete(agent.token, 1, CallUsage())
    assert "step.late_result" in kinds(project)


def test_it_ends_a_step_that_waits_for_its_next_attempt() -> None:
    def fails(context: Any) -> None:
        raise ValueError("never")

    agent_that(fails, "works")
    project = ready("schedule_to_close: 1000", ", retry: {base: 600, cap: 600, jitter: none}")
    drive(project, steps=1)
    assert states(project) == {"a": "ready"}

    Timer.objects.filter(project=project, kind="close").update(due_at=Now())
    timers.fire_due()

    assert states(project) == {"a": "failed"}


@pytest.mark.parametrize("fallback", ["{value: late}", "{agent: spare}"])
def test_what_stands_in_has_time_of_its_own(remote: Callable[..., Remote], fallback: str) -> None:
    agent_that(lambda context: "late", "spare")
    remote("works-later", accepts)
    text = WAITS.format("schedule_to_close: 60", f", timeout: 55, fallback: {fallback}")
    project = drive(project_of(text.replace("agent: works", "agent: works-later")))
    a_worker_lives()

    later(project, 61)
    project = drive(project)

    assert (project.state, result(project, "a")) == ("completed", "late")
    assert step(project, "a").degraded["cause"] == "timed_out"


@pytest.mark.parametrize("at", ["at work", "waiting", "dead"])
def test_what_stands_in_is_asked_once_however_long_it_takes(at: str, by_messages: None) -> None:
    asked = []

    def spare(context: Any) -> str:
        asked.append(context.attempt)
        in_two_hands(timers.fire_due)  # it takes longer than several looks at what is due
        return "spared"

    agent_that(spare, "spare")
    project = ready("schedule_to_close: 60", ", timeout: 55, fallback: {agent: spare}")
    a_worker_lives()
    if at != "waiting":
        claim(step(project, "a"))

    later(project, 61)
    if at == "dead":
        claim(step(project, "a"), WorkerProcess())
        timers.fire_due()
        assert states(project) == {"a": "running"}
        Step.objects.filter(project=project).update(lease_until=Now())
        recovery.recover()
    project = drive(project)

    assert (project.state, result(project, "a"), len(asked)) == ("completed", "spared", 1)
    assert step(project, "a").degraded["cause"] == "timed_out"
    assert step(project, "a").failures == (0 if at == "waiting" else 1)


def test_steps_without_limits_have_no_timers() -> None:
    project = project_of("phases: [{key: p, steps: [{key: a, agent: works}, {key: b, agent: works, needs: [a]}]}]")
    advancing.advance(project.pk)

    assert not Timer.objects.filter(project=project).exists()
    assert Step.objects.filter(project=project, state="ready").count() == 1
