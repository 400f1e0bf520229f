"""Steps that were claimed together are not begun once their project is held, nor where one of them keeps the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from orchestrator_site import faults
from orchestrator_site.access.actors import system_actor
from orchestrator_site.conf import conf
from projects import orchestrator
from projects.models import Attempt, Project, Step
from projects.services import advancing, batching, control, paces, taking_back
from projects.services.duties import Duties
from projects.services.workers import this_process
from tests.behaviour.batches import expanded, items, squares
from tests.builders import agent_that, drive, kinds, look, project_of, states, step

pytestmark = pytest.mark.django_db(transaction=True)

CHAIN = "phases: [{key: one, steps: [{key: a, agent: echo}, {key: b, agent: echo, needs: [a]}]}]"
PARALLEL = ", max_parallel: 8"
WAYS = pytest.mark.parametrize("more", ["", PARALLEL])


@pytest.fixture(autouse=True)
def batches_of_twenty(sent: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the first one takes; no step is taken for a long one where the machine stands still for a moment."""
    squares()
    agent_that(lambda context: context.step_key, "echo")
    paces.saw("echo", 0.0001)
    monkeypatch.setattr(batching, "batch_size", lambda *_, **__: 20)
    monkeypatch.setattr(batching, "LONG", 10.0)


def run(project: Project, ids: list[Any], more: str = "") -> Any:
    """What a worker does with a message of these, and after it."""
    Step.objects.filter(pk__in=ids, state="pending").update(state="ready")
    end = batching.run_packed(project.pk, ids, may_spread=not more)
    assert end.look
    advancing.advance(project.pk)
    return end


def at_six(act: Callable[[], object]) -> list[int]:
    """Have something happen while the sixth is worked on; whom the agent was called for."""
    called: list[int] = []

    def square(context: Any) -> int:
        called.append(context.params["x"])
        if context.params["x"] == 6:
            act()
        return int(context.params["x"] ** 2)

    agent_that(square, "square")
    return called


def for_longer_than_a_batch() -> None:
    time.sleep(conf().batch_seconds * 1.1)


# --- a project that is held


@WAYS
@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_no_agent_is_called_any_more_once_a_batch_has_lasted_for_its_time(verb: str, more: str) -> None:
    project, ids = expanded(40, more)

    def hold() -> None:
        getattr(control, verb)(project_id=project.pk, actor=system_actor())
        for_longer_than_a_batch()

    called = at_six(hold)
    run(project, ids, more)

    assert called == list(range(7))
    assert items(project).filter(state="completed").count() == 7, "what had been done counts"
    handed_back = Attempt.objects.filter(step__project=project, outcome="handed_back")
    assert handed_back.count() == 14, "the first goes alone, and then twenty are claimed"
    assert set(items(project).values_list("failures", "crashes")) == {(0, 0)}
    assert not items(project).filter(state="running").exists()
    if verb == "cancel":
        assert look(project).state == "cancelled"
        return
    assert look(project).drained_at is not None
    assert set(items(project).filter(attempt=1, state="ready").values_list("published_at", flat=True)) == {None}
    squares()
    control.resume(project_id=project.pk, actor=system_actor())
    assert drive(project).state == "completed"
    assert sorted(items(project).values_list("attempt", flat=True)) == [1] * 26 + [2] * 14


def test_a_short_batch_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    unhurried = conf().model_copy(update={"batch_seconds": 10.0})
    monkeypatch.setattr(batching, "conf", lambda: unhurried)
    project, ids = expanded(41)
    with CaptureQueriesContext(connection) as queries:
        batching.run_packed(project.pk, ids)

    asked = [query["sql"][:40] for query in queries if "projects_project" in query["sql"]]
    assert len(asked) == 4, "claims, and commits with claims: of one, twenty and twenty"


def test_in_a_bundle_the_steps_of_the_project_that_is_held_are_handed_back_and_the_others_done() -> None:
    projects = [project_of(CHAIN, started=False) for _ in range(4)]
    orchestrator.start_together(projects)

    def agent(context: Any) -> str:
        if context.project_id == str(projects[0].pk) and context.step_key == "a":
            control.pause(project_id=projects[2].pk, actor=system_actor())
            for_longer_than_a_batch()
        return str(context.step_key)

    agent_that(agent, "echo")
    legs = [batching.Leg(each.pk, tuple(step(each, key).pk for key in "ab")) for each in projects]
    ends = batching.run_bundle(legs)

    assert [look(each).state for each in projects] == ["completed", "completed", "running", "completed"]
    assert states(projects[2]) == {"a": "ready", "b": "pending"}
    assert ends[projects[2].pk].look
    assert list(Attempt.objects.filter(step__project=projects[2]).values_list("outcome", flat=True)) == ["handed_back"]
    control.resume(project_id=projects[2].pk, actor=system_actor())
    assert drive(projects[2]).state == "completed"


# --- a step that keeps the others


@WAYS
def test_what_waits_behind_a_long_step_is_given_back(more: str, monkeypatch: pytest.MonkeyPatch) -> None:
    project, ids = expanded(40, more)
    monkeypatch.setattr(batching, "LONG", 0.1)
    at_six(lambda: time.sleep(0.15))
    run(project, ids[:21], more)

    assert Attempt.objects.filter(step__project=project, outcome="handed_back").count() == 14
    assert set(items(project).filter(pk__in=ids[:7]).values_list("state", flat=True)) == {"completed"}


@WAYS
def test_it_is_given_back_while_that_step_still_goes_on_and_not_as_a_crash(more: str) -> None:
    """Its timeout would pass meanwhile, and nobody would have begun it."""
    project, ids = expanded(40, more)
    seen: list[int] = []

    def duties() -> None:
        for seconds in (0.0, 3.0):
            _as_if_claimed_before(seconds)
            _in_its_thread(lambda: Duties(this_process()).do_once())
            seen.append(items(project).filter(pk__in=ids[7:21], state="ready").count())

    called = at_six(duties)
    run(project, ids[:21], more)

    assert seen == [0, 14], "what was claimed a moment ago is left alone"
    assert called == list(range(7))
    assert items(project).filter(state="completed").count() == 7
    assert set(items(project).values_list("failures", "crashes")) == {(0, 0)}
    assert Attempt.objects.filter(step__project=project, outcome="handed_back").count() == 14
    assert "step.late_result" not in kinds(project)


def _in_its_thread(work: Callable[[], object]) -> None:
    def one() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=one)
    thread.start()
    thread.join()


def _as_if_claimed_before(seconds: float) -> None:
    for held in this_process()._held.values():
        held.since -= seconds


def test_what_was_taken_away_or_cancelled_meanwhile_is_not_begun() -> None:
    project, ids = expanded(40)

    def heartbeat() -> None:
        for place, held in enumerate(sorted(this_process()._held.values(), key=lambda held: ids.index(held.step))):
            if place >= 10:
                (held.lose if place % 2 else held.cancel)()

    called = at_six(heartbeat)
    run(project, ids[:21])

    assert called == list(range(11))
    assert set(Attempt.objects.filter(step__in=ids[11:21]).values_list("outcome", flat=True)) == {"handed_back"}


# --- results on their way


@pytest.fixture
def tidied_before_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    """At each commit the process looks whether it has left something lying, as it does every second."""
    worker = this_process()

    def point(name: str) -> None:
        if name == "before_commit":
            Step.objects.filter(lease_owner=worker.id).update(lease_until=F("lease_until") - timedelta(seconds=5))
            taking_back.give_back_what_is_abandoned(worker.id, worker.held())

    monkeypatch.setattr(faults, "point", point)


@pytest.mark.usefixtures("tidied_before_commits")
def test_a_result_of_a_batch_is_held_until_it_is_committed() -> None:
    project, ids = expanded(21)

    assert not batching.run_packed(project.pk, ids).look

    assert set(items(project).values_list("state", "attempt")) == {("completed", 1)}
    assert "step.late_result" not in kinds(project)
    assert this_process().held() == []


@pytest.mark.usefixtures("tidied_before_commits")
def test_so_is_a_result_of_a_bundle() -> None:
    projects = [project_of(CHAIN, started=False) for _ in range(4)]
    orchestrator.start_together(projects)
    batching.run_bundle([batching.Leg(each.pk, tuple(step(each, key).pk for key in "ab")) for each in projects])

    assert [look(each).state for each in projects] == ["completed"] * 4
    assert set(Attempt.objects.values_list("number", flat=True)) == {1}
    assert this_process().held() == []
