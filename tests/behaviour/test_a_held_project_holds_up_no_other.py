"""A process that was stopped in the middle of a transaction keeps what it holds, and nobody from the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from orchestrator_site import database
from orchestrator_site.access.actors import system_actor
from orchestrator_site.conf import conf
from projects import sql, tasks
from projects.models import Approval, Budget, Intervention, Project, Step, Worker
from projects.services import execution, interventions, publishing, taking_back, timers
from projects.services.recovery import recover
from projects.services.workers import WorkerProcess
from tests.behaviour.spending import spend
from tests.builders import agent_that, claim, drive, kinds, look, project_of, states, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("echo", "sent")]

ONE = "phases: [{key: one, steps: [{key: a, agent: echo, params: {say: done}}]}]"
SOON = 10.0
"""Seconds after which a test says that somebody waits who should not."""


@contextmanager
def held(take: Callable[[], object]) -> Iterator[None]:
    """Rows that somebody took and does not let go of while this lasts: a process that was stopped, seen from here."""
    taken, woken = threading.Event(), threading.Event()

    def stopped() -> None:
        with transaction.atomic():
            take()
            taken.set()
            woken.wait(60)
        connection.close()

    thread = threading.Thread(target=stopped, daemon=True)
    thread.start()
    assert taken.wait(5)
    try:
        yield
    finally:
        woken.set()
        thread.join(5)


def in_time(work: Callable[[], Any]) -> Any:
    """What a piece of work gives, unless it waits for somebody who is held up."""
    given: list[Any] = []

    def do() -> None:
        given.append(work())
        connection.close()

    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    thread.join(SOON)
    assert not thread.is_alive(), "it waits"
    return given[0]


def in_advance(project: Project) -> Callable[[], object]:
    return lambda: sql.rows("lock_project", project=project.pk)


def unsent(*projects: Project) -> None:
    Step.objects.filter(project__in=projects).update(published_at=None)


def is_sent(project: Project) -> bool:
    return step(project, "a").published_at is not None


def test_recovery_passes_over_a_project_that_somebody_holds_and_comes_back_to_it() -> None:
    theirs, other = project_of(ONE), project_of(ONE)
    unsent(theirs, other)

    with held(in_advance(theirs)):
        assert in_time(recover).errors == []
        assert (is_sent(theirs), is_sent(other)) == (False, True)
        assert "project.stuck" not in kinds(theirs), "it is not stuck: somebody is at it"

    recover()
    assert is_sent(theirs)


def test_what_the_dead_held_is_taken_back_although_somebody_holds_one_of_the_projects() -> None:
    theirs, other = project_of(ONE), project_of(ONE)
    dead = WorkerProcess()
    Worker.objects.create(pk=dead.id, name="w", host="h", pid=1, pools=["cpu"], seen_at=Now(), started_at=Now())
    for project in (theirs, other):
        assert claim(step(project, "a"), dead) is not None

    with held(in_advance(theirs)):
        assert in_time(lambda: taking_back.mourn("h", 1)) == 2
        assert (is_sent(theirs), is_sent(other)) == (False, True)

    recover()
    assert is_sent(theirs)


def test_a_step_whose_budget_somebody_holds_is_taken_back_later_and_the_others_now() -> None:
    agent_that(spend, "spender")
    budgeted = f"budgets: {{cost: {{hard: 10}}}}\n{ONE.replace('echo', 'spender, estimate: {cost: 1}')}"
    theirs, other = drive(project_of(budgeted), steps=0), drive(project_of(budgeted), steps=0)
    for project in (theirs, other):
        assert claim(step(project, "a")) is not None
    Step.objects.filter(state="running").update(lease_until=Now() - timedelta(seconds=1))

    with held(lambda: Budget.objects.select_for_update().get(project=theirs)):
        assert in_time(recover).steps_taken_back == 1
        assert (states(theirs)["a"], states(other)["a"]) == ("running", "ready")

    assert recover().steps_taken_back == 1


def test_what_follows_a_completed_project_begins_although_somebody_holds_another_follower() -> None:
    first = project_of(ONE)
    theirs, other = (project_of(ONE, after=[first.pk]) for _ in range(2))
    drive(first)

    with held(in_advance(theirs)):
        assert in_time(recover).projects_started == 1
        assert (look(theirs).state, look(other).state) == ("pending", "running")

    recover()
    assert look(theirs).state == "running"


def test_deadlines_pass_although_somebody_holds_what_one_of_them_ends() -> None:
    late = "deadline: {after: 2h}\nphases: [{key: one, steps: [{key: w, kind: wait, wait: {for: 9h}}]}]"
    asks = "phases: [{key: one, steps: [{key: q, kind: approval, approval: {title: May we?, deadline: 1h}}]}]"
    theirs, other, asking = (drive(project_of(yaml)) for yaml in (late, late, asks))
    approval = Approval.objects.get(project=asking)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE projects_timer SET due_at = now() - interval '1 s' WHERE kind IN ('project', 'approval')"
        )
        cursor.execute("UPDATE projects_approval SET deadline = now() - interval '1 s'")
        cursor.execute("UPDATE projects_project SET deadline = now() - interval '1 s' WHERE deadline IS NOT NULL")

    with held(in_advance(theirs)), held(lambda: Approval.objects.select_for_update().get(pk=approval.pk)):
        in_time(tasks.fire_timers)
        assert "project.overdue" in kinds(other)
        assert "project.overdue" not in kinds(theirs)

    timers.fire_due()
    assert "project.overdue" in kinds(theirs)
    assert not Approval.objects.open().filter(pk=approval.pk).exists()


def test_answered_changes_of_plans_are_settled_although_somebody_holds_one_of_the_projects() -> None:
    yaml = f"plan_changes: {{approval: {{title: May we?}}}}\n{ONE}"
    theirs, other = project_of(yaml, started=False), project_of(yaml, started=False)
    for project in (theirs, other):
        interventions.intervene(project_id=project.pk, actor=system_actor(), change="skip", step="a")
    Approval.objects.update(state="rejected", finished_at=Now())  # and whoever did it died before it woke anybody
    proposed = Intervention.objects.filter(state="proposed")

    with held(in_advance(theirs)):
        in_time(recover)
        assert proposed.get().project == theirs

    recover()
    assert not proposed.exists()


def test_a_message_that_asks_to_advance_a_held_project_does_not_keep_the_control_worker() -> None:
    project = project_of(ONE)
    unsent(project)

    with held(in_advance(project)):
        in_time(lambda: tasks.advance(str(project.pk)))
        assert not is_sent(project)

    tasks.advance(str(project.pk))
    assert is_sent(project)


def test_who_has_looked_after_others_waits_for_rows_as_before() -> None:
    def waits() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            return str(cursor.fetchone()[0])

    recover()
    assert waits() == "0"
    with database.patience():
        with database.patience(0.1):
            assert waits() == "100ms"
        assert waits() == "1s"


def test_the_server_ends_a_session_that_stands_still_in_a_transaction() -> None:
    """By default after a minute: until then the rows that it holds are out of reach for everybody."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, reset_val FROM pg_settings WHERE name LIKE 'idle_in%'")
        said = dict(cursor.fetchall())

    assert said["idle_in_transaction_session_timeout"] == str(round(conf().idle_transaction_seconds * 1000)) == "60000"


def test_a_leg_whose_session_was_ended_while_it_stood_still_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver takes that end for a mistake of ours, and not for a connection that was lost."""
    project = project_of(ONE)
    again: list[Any] = []
    monkeypatch.setattr(publishing, "send_task_again", lambda *given, **_: again.append(given))

    def stopped(*_: Any, **__: Any) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 50")
            _wait_for_the_end_of(cursor.connection.info.backend_pid)
            cursor.execute("SELECT 1")

    monkeypatch.setattr(execution, "run_leg", stopped)
    tasks.run_leg.push_request(delivery_info={"routing_key": "cpu.normal"}, timelimit=[None, None], kwargs={})
    try:
        tasks.run_leg.run([str(step(project, "a").pk)], project=str(project.pk))
    finally:
        tasks.run_leg.pop_request()
        connection.close()

    assert len(again) == 1


def _wait_for_the_end_of(session: int) -> None:
    def is_there() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = %s)", [session])
            there = bool(cursor.fetchone()[0])
        connection.close()
        return there

    while in_time(is_there):
        pass
