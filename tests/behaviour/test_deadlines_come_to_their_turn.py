"""What is due and cannot be done keeps nothing else that is due from being done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from orchestrator_site.history import services as history
from projects.models import Approval, Project, Timer
from projects.models.worker import Worker
from projects.services import claims, concluding, timers, turns
from projects.services.recovery import recover
from projects.services.workers import this_process
from tests.builders import agent_that, claim, do, drive, kinds, project_of, states, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("echo", "sent")]

ASKS = """
phases:
  - key: p
    steps: [{key: q, kind: approval, approval: {title: May we?, deadline: 1h, on_timeout: approve}}]
"""
WAITS = "phases: [{{key: p, steps: [{{key: a, agent: echo, timeouts: {{schedule_to_start: 60}}{}}}]}}]"
KEYED = """
inputs: {type: object, required: [tenant], properties: {tenant: {type: string}}}
phases:
  - key: one
    steps: [{key: call, agent: echo, concurrency: {key: "${inputs.tenant}", limit: 1}}]
"""


def asks() -> Project:
    return drive(project_of(ASKS))


def waits(more: str = "") -> Project:
    return drive(project_of(WAITS.format(more)), steps=0)


def waits_for_a_busy_worker() -> Project:
    """Nobody begins its step, and the worker that lives is to ask another agent."""
    agent_that(lambda context: 1, "spare")
    this_process().pools = ["cpu", "io"]
    this_process().beat_once()
    Worker.objects.update(pools=["cpu", "io"], seen_at=Now())
    return waits(", fallback: {agent: spare}")


def is_due(project: Project, since: timedelta) -> None:
    Timer.objects.filter(project=project).update(due_at=Now() - since)
    Approval.objects.filter(project=project).update(deadline=Now() - since)
    Project.objects.filter(pk=project.pk, deadline__isnull=False).update(deadline=Now() - since)


def breaks_for(monkeypatch: pytest.MonkeyPatch, *broken: Project) -> None:
    """What is due of these projects is a row that nobody foresaw."""
    real = timers.approvals.time_out

    def time_out(approval: Approval) -> bool:
        if approval.project_id in {each.pk for each in broken}:
            Approval.objects.filter(pk=approval.pk).update(title="of which nothing stays")
            raise KeyError("unforeseen")
        return real(approval)

    monkeypatch.setattr(timers.approvals, "time_out", time_out)


def test_approvals_and_projects_do_not_wait_for_steps_that_wait_for_a_busy_worker() -> None:
    busy = [waits_for_a_busy_worker() for _ in range(3)]
    asked, over = asks(), drive(project_of(ASKS.replace(", deadline: 1h, on_timeout: approve", ""), deadline=3600))
    for project in busy:
        is_due(project, timedelta(hours=2))
    is_due(asked, timedelta(hours=1))
    is_due(over, timedelta(hours=1))

    timers.fire_due(2)

    assert states(asked) == {"q": "completed"}
    assert "project.overdue" in kinds(over)
    assert [states(project) for project in busy] == [{"a": "ready"}] * 3


def test_steps_whose_time_is_over_do_not_wait_for_those_either() -> None:
    busy = [waits_for_a_busy_worker() for _ in range(3)]
    late, latest = waits(), waits()
    for project in (*busy, late):
        is_due(project, timedelta(hours=2))
    is_due(latest, timedelta(seconds=1))

    timers.fire_due(1)
    assert states(latest) == {"a": "failed"}

    for _ in range(200):
        timers.fire_due(1)
    assert states(late) == {"a": "failed"}


def test_what_is_due_of_one_project_and_breaks_is_noted_once_and_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    broken, sound = asks(), asks()
    breaks_for(monkeypatch, broken)
    is_due(broken, timedelta(seconds=2))
    is_due(sound, timedelta(seconds=1))

    fired = [timers.fire_due().approvals for _ in range(3)]

    assert fired == [1, 0, 0]
    assert states(sound) == {"q": "completed"}
    assert Approval.objects.get(project=broken).title == "May we?"
    assert kinds(broken).count("project.stuck") == 1
    assert "unforeseen" in str(history.events_of(broken.pk).get(kind="project.stuck").data)
    assert recover().errors == []


def test_it_does_not_come_first_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    broken, sound = [asks() for _ in range(2)], asks()
    breaks_for(monkeypatch, *broken)
    for project in broken:
        is_due(project, timedelta(hours=1))
    is_due(sound, timedelta(seconds=1))

    timers.fire_due(1)

    assert states(sound) == {"q": "completed"}


def test_a_step_whose_time_cannot_be_seen_to_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*given: Any) -> bool:
        raise KeyError("unforeseen")

    late, asked = waits(), asks()
    monkeypatch.setattr(concluding, "overdue", breaks)
    is_due(late, timedelta(seconds=2))
    is_due(asked, timedelta(seconds=1))

    timers.fire_due()

    assert states(asked) == {"q": "completed"}
    assert "project.stuck" in kinds(late)


def aside(tenant: str) -> tuple[Project, Project]:
    """One that has the place of a key, and one that stands aside for it."""
    first, second = (drive(project_of(KEYED, inputs={"tenant": tenant}), steps=0) for _ in range(2))
    assert claim(step(first, "call")) is not None
    assert claim(step(second, "call")) is None
    return first, second


def test_who_stands_aside_is_looked_at_however_many_stand_before_him(monkeypatch: pytest.MonkeyPatch) -> None:
    (_, before), (first, last) = aside("acme"), aside("zenith")
    with monkeypatch.context() as patch:
        patch.setattr(turns, "hand_over", lambda key: 0)  # whoever was to hand the place over died before
        held = claims.held(step(first, "call").pk, 1)
        assert held is not None
        do(held)
    is_due(before, timedelta(seconds=1))
    is_due(last, timedelta(seconds=20))
    monkeypatch.setattr(turns, "BATCH", 1)

    turns.look_again()

    assert step(last, "call").available_at is None, "it was not sent for"
    assert step(before, "call").available_at is not None


def test_one_who_stands_aside_and_cannot_be_seen_to_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    (_, broken), (_, sound) = aside("acme"), aside("zenith")
    asked = asks()
    real = turns.room.weigh

    def weigh(wanting: Any, **options: Any) -> Any:
        if wanting.project_id == broken.pk:
            raise KeyError("unforeseen")
        return real(wanting, **options)

    monkeypatch.setattr(turns.room, "weigh", weigh)
    for project in (broken, sound, asked):
        is_due(project, timedelta(seconds=5))

    timers.fire_due()

    due = Timer.objects.filter(due_at__gt=Now() + timedelta(seconds=1), kind="room")
    assert set(due.values_list("project_id", flat=True)) == {broken.pk, sound.pk}
    assert states(asked) == {"q": "completed"}
