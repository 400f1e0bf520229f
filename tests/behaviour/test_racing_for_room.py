"""Several connections at once: of two who want the last room one gets it, and nobody waits for another in a circle."""

from __future__ import annotations

import functools
import os
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from orchestrator_site.access.actors import system_actor
from orchestrator_site.conf import conf
from orchestrator_site.errors import PhasegateError
from projects.models import Approval, Budget, Project, Step
from projects.models.approval import Verdict
from projects.services import advancing, approvals, budgets, control, guards, publishing
from projects.services.recovery import recover
from projects.services.workers import WorkerProcess, this_process
from tests.builders import agent_that, approver, claim, do, drive, project_of, step

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = int(os.environ.get("RACES", "50"))

BUDGET = """
budgets: {cost: {hard: 10}}
phases:
  - key: one
    steps:
      - {key: a, agent: worker, estimate: {cost: 6}}
      - {key: b, agent: worker, estimate: {cost: 6}}
"""
KEY = """
inputs: {type: object, required: [key], properties: {key: {type: string}}}
phases:
  - key: one
    steps:
      - {key: a, agent: worker, concurrency: {key: "${inputs.key}", limit: 1}}
      - {key: b, agent: worker, concurrency: {key: "${inputs.key}", limit: 1}}
"""


@pytest.fixture(autouse=True)
def agents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads the messages here, and the broker's client is not to outlive the threads that used it."""
    monkeypatch.setattr(publishing, "_publish", lambda signatures, steps: None)
    agent_that(lambda context: context.record_usage(cost=context.params.get("cost", 0.0)), "worker")


@pytest.fixture
def room_opens_at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Timers of those who stand aside are due after a moment, so that recovery works on them too."""
    monkeypatch.setenv("PHASEGATE_ROOM_SECONDS", "0.02")
    conf.cache_clear()
    yield
    monkeypatch.undo()
    conf.cache_clear()


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What the acts give, each done by a thread with a connection of its own, all at the same moment."""
    barrier = threading.Barrier(len(acts))
    found: list[Any] = [None] * len(acts)

    def do(place: int, act: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait()
            found[place] = act()
        except Exception as error:
            found[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=do, args=(place, act)) for place, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors := [each for each in found if isinstance(each, Exception)]:
        raise errors[0]
    return found


def claim_of(project: Project, key: str) -> Callable[[], Any]:
    return functools.partial(claim, step(project, key), WorkerProcess())


@pytest.mark.parametrize("blueprint", [BUDGET, KEY], ids=["budget", "key"])
def test_of_two_who_want_the_last_room_one_gets_it(blueprint: str) -> None:
    for number in range(ROUNDS):
        inputs = {"key": f"key-{number}"} if blueprint is KEY else None
        project = drive(project_of(blueprint, inputs), steps=0)

        found = at_once(claim_of(project, "a"), claim_of(project, "b"))

        assert len([each for each in found if each is not None]) == 1, f"round {number}"
        assert sorted(Step.objects.filter(project=project).values_list("state", flat=True)) == ["ready", "running"]


def test_two_who_cross_the_soft_limit_at_once_ask_once() -> None:
    for number in range(ROUNDS // 2):
        project = drive(project_of(BUDGET.replace("hard: 10", "soft: 5")), steps=0)

        found = at_once(claim_of(project, "a"), claim_of(project, "b"))

        assert found == [None, None]
        assert Approval.objects.filter(project=project).count() == 1, f"round {number}"


def test_an_end_that_is_written_twice_at_once_is_booked_once() -> None:
    for _ in range(ROUNDS // 2):
        project = drive(project_of(BUDGET), steps=0)
        claimed = claim(step(project, "a"))
        assert claimed is not None

        at_once(*[functools.partial(do, claimed)] * 2)

        assert Step.objects.get(pk=claimed.id).state == "completed"
        assert float(Budget.objects.get(project=project).spent) == 0.0


def test_two_settlements_of_one_attempt_at_once_book_once() -> None:
    for _ in range(ROUNDS // 2):
        project = drive(project_of(BUDGET), steps=0)
        claimed = claim(step(project, "a"))
        assert claimed is not None

        at_once(*[functools.partial(guards.settle, claimed.id, claimed.attempt, tokens=0, cost=2.0)] * 2)

        assert float(Budget.objects.get(project=project).spent) == 2.0


def test_claims_ends_decisions_and_steering_never_wait_for_one_another_in_a_circle(
    caplog: pytest.LogCaptureFixture, room_opens_at_once: None
) -> None:
    """Everything at once for a while: no deadlock, and never more spent and reserved than the hard limit."""
    rng = random.Random(20261121)
    anna = approver("anna")
    project = drive(
        project_of(
            """
            budgets:
              cost: {soft: 3, hard: 1000, raise_by: 2}
              agents: {worker: {launches: {hard: 10000}}}
            phases:
              - key: one
                budgets: {cost: {soft: 5, raise_by: 3}}
                steps:
                  - key: each
                    agent: worker
                    for_each: "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30]"
                    params: {cost: 0.5}
                    estimate: {cost: 1}
                    concurrency: {key: circle, limit: 3}
            """
        ),
        steps=0,
    )

    def work(worker: WorkerProcess) -> None:
        for item in rng.sample(list(Step.objects.filter(project=project, state="ready").exclude(parent=None)), k=1):
            claimed = claim(item, worker)
            if claimed is not None:
                do(claimed)

    def decide() -> None:
        for approval in Approval.objects.open().filter(project=project):
            approvals.decide(approval_id=approval.pk, user=anna, verdict=Verdict.APPROVE, via="test")

    def change() -> None:
        for budget in Budget.objects.filter(project=project, measure="cost").order_by("-id"):
            soft = float(budget.soft or 0) + 0.5
            budgets.change(project=project, budget_id=budget.pk, actor=system_actor(), limits={"soft": soft})

    def steer() -> None:
        control.pause(project_id=project.pk, actor=system_actor())
        control.resume(project_id=project.pk, actor=system_actor())

    acts: list[Callable[[], Any]] = [
        *[functools.partial(work, WorkerProcess()) for _ in range(3)],
        decide,
        change,
        steer,
        lambda: advancing.advance(project.pk),
        recover,
    ]

    def keep_on(act: Callable[[], Any]) -> Callable[[], None]:
        def several() -> None:
            for _ in range(25):
                try:
                    act()
                except (PhasegateError, ValueError):
                    continue  # refused, or nothing to do

        return several

    at_once(*map(keep_on, acts))

    assert "deadlock" not in caplog.text
    while Step.objects.filter(project=project, state="ready").exclude(parent=None).exists():
        Step.objects.filter(project=project, state="ready").update(available_at=None)
        decide()
        work(this_process())
    for standing in budgets.overview(Project.objects.get(pk=project.pk)):
        assert standing.reserved == 0
        assert standing.spent == (15.0 if standing.measure == "cost" else 30.0)
