"""Who waits for a project is told by the database; who cannot be told looks once a second."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction

from orchestrator_site.conf import conf
from projects import orchestrator
from projects.errors import ProjectNotFound
from projects.management import watching
from projects.management.watching import LineView, follow
from projects.models import Project
from projects.models.approval import Verdict
from projects.services import approvals, control, notifying
from projects.services.notifying import Bell, wait_for
from tests.builders import agent_that, approver, as_actor, drive, open_approval, person, project_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: context.params.get("say"), "echo")


def asked() -> Project:
    return drive(project_of("phases: [{key: only, steps: [{key: a, agent: echo}], gate: {approval: {title: Ok}}}]"))


class Waiting:
    """A wait in a thread of its own: when it was over, what it gave, and the statements that it made meanwhile."""

    def __init__(self, wait: Callable[[], Any]) -> None:
        self.statements: list[str] = []
        self.looked = threading.Event()
        self.given: Any = None
        self.over_at = 0.0
        self._wait = wait
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self.looked.wait(10)

    def _run(self) -> None:
        try:
            with connection.execute_wrapper(self._count):
                self.given = self._wait()
        except Exception as error:
            self.given = error
        finally:
            self.over_at = time.monotonic()
            connection.close()

    def _count(self, execute: Any, statement: str, parameters: Any, many: bool, context: Any) -> Any:
        self.statements.append(statement)
        try:
            return execute(statement, parameters, many, context)
        finally:
            self.looked.set()

    def end(self) -> Any:
        self._thread.join(30)
        assert not self._thread.is_alive(), "it waits for ever"
        return self.given


def approve(project: Project, user: Any) -> None:
    approvals.decide(approval_id=open_approval(project).pk, user=user, verdict=Verdict.APPROVE, via="test")


@pytest.mark.usefixtures("by_messages")
def test_a_wait_is_over_within_a_tenth_of_a_second_of_the_end_and_asks_nothing_meanwhile() -> None:
    anna, late = approver("anna"), []
    for _ in range(5):
        project = asked()
        waiting = Waiting(lambda project=project: wait_for(project.pk, timeout=30))
        approve(project, anna)
        time.sleep(0.3)
        assert len(waiting.statements) <= 2, "it was woken by the decision alone"
        before_the_end = len(waiting.statements)
        drive(project)
        ended_at = time.monotonic()
        assert waiting.end().state == "completed"
        late.append(waiting.over_at - ended_at)
        assert len(waiting.statements) == before_the_end + 1, "one look, when it was told of the end"

    assert statistics.median(late) < 0.1


def test_nothing_is_asked_while_nothing_happens() -> None:
    project = asked()
    waiting = Waiting(lambda: wait_for(project.pk, timeout=2.5))

    assert isinstance(waiting.end(), TimeoutError)
    assert len(waiting.statements) == 2, "one look at the beginning, and one at the end"


def test_a_project_that_is_over_is_not_waited_for() -> None:
    project = asked()
    approve(project, approver())
    drive(project)

    assert wait_for(project.pk).state == "completed"
    with pytest.raises(ProjectNotFound):
        wait_for(uuid4())


def test_a_wait_that_is_too_long_says_that_the_project_goes_on() -> None:
    with pytest.raises(TimeoutError, match="it goes on"):
        wait_for(asked().pk, timeout=0)


def rung(project: Project, happen: Callable[[], Any]) -> bool:
    with Bell(project.pk) as bell:
        assert bell.is_heard
        happen()
        return bell.wait(0.5)


@pytest.mark.usefixtures("by_messages")
def test_it_rings_when_people_are_asked_decide_and_when_it_ends() -> None:
    anna, operator = approver(), as_actor(person("operator", is_superuser=True))
    new = project_of("phases: [{key: only, steps: [{key: a, agent: echo}], gate: {approval: {title: Ok}}}]")
    failing = asked()

    assert rung(new, lambda: drive(new)), "asked"
    assert rung(new, lambda: approve(new, anna)), "decided"
    assert rung(new, lambda: drive(new)), "completed"
    assert rung(asked(), lambda: None) is False
    cancelled = asked()
    assert rung(cancelled, lambda: control.cancel(project_id=cancelled.pk, actor=operator)), "cancelled"
    approvals.decide(approval_id=open_approval(failing).pk, user=anna, verdict=Verdict.REJECT, comment="no", via="test")
    assert rung(failing, lambda: drive(failing)), "failed"


def test_it_rings_for_its_own_project_only_and_not_for_what_is_given_up() -> None:
    mine, other = asked(), asked()

    def given_up() -> None:
        with transaction.atomic():
            notifying.notify(mine.pk, "ended")
            transaction.set_rollback(True)

    assert rung(mine, lambda: approve(other, approver())) is False
    assert rung(mine, given_up) is False


def test_what_happens_between_entering_and_waiting_is_heard() -> None:
    project = asked()
    with Bell(project.pk) as bell:
        approve(project, approver())
        time.sleep(0.2)
        assert bell.wait(0)


def test_who_loses_the_connection_looks_once_a_second() -> None:
    project, anna = asked(), approver()
    waiting = Waiting(lambda: wait_for(project.pk, timeout=30))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE %s",
            [f"LISTEN%{project.pk.hex}%"],
        )
        assert cursor.fetchone()[0] == 1
    approve(project, anna)
    drive(project)

    began = time.monotonic()
    assert waiting.end().state == "completed"
    assert waiting.over_at - began < 3


def test_where_sessions_are_pooled_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    pooled = conf().model_copy(update={"pooled_sessions": True})
    monkeypatch.setattr(notifying, "conf", lambda: pooled)
    project = asked()
    with Bell(project.pk) as bell:
        assert not bell.is_heard
    waiting = Waiting(lambda: wait_for(project.pk, timeout=30))
    approve(project, approver())
    drive(project)

    assert waiting.end().state == "completed"


def test_following_in_the_terminal_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_LOOK", 60.0)
    project, anna = asked(), approver()
    waiting = Waiting(lambda: follow(project.pk, LineView(lambda _: None)))
    time.sleep(0.5)
    approve(project, anna)
    drive(project)

    assert waiting.end().state == "completed"


def newest() -> Project:
    return Project.objects.order_by("-id")[0]


def test_running_a_project_waits_for_its_end() -> None:
    name = f"{asked().blueprint.name}@{asked().blueprint.version}"
    with pytest.raises(TimeoutError):
        orchestrator.run_project(name, timeout=0.2)

    before = newest()
    waiting = Waiting(lambda: orchestrator.run_project(name, timeout=30))
    while newest().pk == before.pk or newest().state != "running":
        time.sleep(0.05)
    project = drive(newest())
    approve(project, approver())
    drive(project)
    assert waiting.end().state == "completed"
