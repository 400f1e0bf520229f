"""A commit that the server gives up for another's, because each waits for the other, is made again; no work is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection, transaction

from projects.models import Attempt, Project, Step
from projects.services import batching, claims, execution
from tests.behaviour.batches import expanded, squares
from tests.builders import agent_that, claim, kinds, look, project_of, step

pytestmark = pytest.mark.django_db(transaction=True)

CHAIN = "phases: [{key: one, steps: [{key: a, agent: echo}, {key: b, agent: echo, needs: [a]}]}]"
PROJECT = "SELECT 1 FROM projects_project WHERE id = %s FOR UPDATE"
STEP = "SELECT 1 FROM projects_step WHERE id = %s FOR UPDATE"


@pytest.fixture(autouse=True)
def agents(sent: list[Any]) -> None:
    squares()
    agent_that(lambda context: 1, "echo")


class Crossing:
    """Somebody who has locked one row, and locks another as soon as this connection waits for the first."""

    def __init__(self, first: tuple[str, UUID], second: tuple[str, UUID]) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            self._waits_for_us = int(cursor.fetchone()[0])
        self._locks, self._has_first = (first, second), threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._has_first.wait(10)

    def _run(self) -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL deadlock_timeout = '30s'")  # so that it is the other who is given up
                for statement, row in self._locks:
                    cursor.execute(statement, [row])
                    if not self._has_first.is_set():
                        self._has_first.set()
                        self._wait()
        finally:
            connection.close()

    def _wait(self) -> None:
        until = time.monotonic() + 10
        with connection.cursor() as cursor:
            while time.monotonic() < until:
                cursor.execute(
                    "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted)", [self._waits_for_us]
                )
                if cursor.fetchone()[0]:
                    return
                time.sleep(0.005)

    def end(self) -> None:
        self._thread.join()


def crossed(work: Callable[[], Any], first: tuple[str, UUID], second: tuple[str, UUID]) -> None:
    """Do the work while somebody crosses it."""
    other = Crossing(first, second)
    try:
        work()
    finally:
        other.end()


def all_done_once(project: Project) -> None:
    assert set(Attempt.objects.filter(step__project=project).values_list("number", "outcome")) == {(1, "completed")}
    assert "step.late_result" not in kinds(project)


def test_a_result_of_a_chain(caplog: pytest.LogCaptureFixture) -> None:
    project = project_of(CHAIN)
    mine = claim(step(project, "a"))
    assert mine is not None
    following = step(project, "b").pk

    def commit() -> None:
        committed = execution.commit(
            execution.Outcome(mine, "1", 0, 0, 0.0), execution.this_process(), execution.LegEnd([]), following
        )
        assert committed is not None
        assert [each.id for each in committed.claimed] == [following]

    crossed(commit, (PROJECT, project.pk), (STEP, mine.id))

    assert "made again" in caplog.text, "they did cross"
    assert step(project, "a").state == "completed"
    assert step(project, "b").state == "running"
    assert Attempt.objects.filter(step__project=project).count() == 2


def test_the_last_result_and_the_end_of_its_project(caplog: pytest.LogCaptureFixture) -> None:
    project = project_of("phases: [{key: one, steps: [{key: a, agent: echo}]}]")
    only = step(project, "a").pk
    others: list[Crossing] = []
    agent_that(lambda context: others.append(Crossing((STEP, only), (PROJECT, project.pk))), "echo")

    execution.run_leg(project.pk, [only], may_finish=True)
    others[0].end()

    assert "made again" in caplog.text, "they did cross"
    assert len(others) == 1, "the agent was called once"
    assert look(project).state == "completed"
    all_done_once(project)


def test_the_results_of_a_batch(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    project, ids = expanded(2)
    others: list[Crossing] = []
    calls: list[int] = []

    def square(context: Any) -> int:
        calls.append(context.params["x"])
        if context.params["x"] == 1:
            others.append(Crossing((STEP, ids[1]), (STEP, ids[0])))
        return 1

    agent_that(square, "square")
    monkeypatch.setattr(batching, "_first_size", lambda _: 2)
    batching.run_packed(project.pk, ids)
    others[0].end()

    assert "made again" in caplog.text, "they did cross"
    assert calls == [0, 1]
    assert set(Step.objects.filter(pk__in=ids).values_list("state", "attempt")) == {("completed", 1)}
    assert "step.late_result" not in kinds(project)


@pytest.mark.parametrize(("times", "lands"), [(2, True), (claims.TRIES, False)])
def test_it_is_made_again_a_few_times(times: int, lands: bool) -> None:
    """A server that gives up each of them has another trouble: the message comes again, as when it is lost."""
    project = project_of(CHAIN)
    mine = claim(step(project, "a"))
    assert mine is not None
    with connection.cursor() as cursor:
        cursor.execute("CREATE SEQUENCE given_up")
        cursor.execute(
            "CREATE FUNCTION give_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF nextval('given_up') <= {times} THEN RAISE SQLSTATE '40001'; END IF; RETURN NEW; END $$"
        )
        cursor.execute("CREATE TRIGGER give_up BEFORE UPDATE ON projects_step FOR EACH ROW EXECUTE FUNCTION give_up()")
    try:
        if lands:
            execution.commit(execution.Outcome(mine, "1", 0, 0, 0.0), execution.this_process(), execution.LegEnd([]))
        else:
            with pytest.raises(OperationalError):
                execution.commit(
                    execution.Outcome(mine, "1", 0, 0, 0.0), execution.this_process(), execution.LegEnd([])
                )
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER give_up ON projects_step; DROP FUNCTION give_up; DROP SEQUENCE given_up")
    assert step(project, "a").state == ("completed" if lands else "running")
