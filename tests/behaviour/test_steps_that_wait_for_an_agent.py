"""Steps that no agent can take: the history tells of it once, and whoever can take them sends for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from agents import dispatching
from orchestrator_site.access.actors import system_actor
from orchestrator_site.dashboard import imported_page
from orchestrator_site.dashboard.project_page import page_of
from orchestrator_site.history import services as history
from projects.models import Attempt, Phase, Project, Step, Timer
from projects.reports.side_by_side import side_by_side
from projects.services import control, previews, recovery, rounds, snapshots, timers
from tests.behaviour.remote import Remote, close_circuit, open_circuit
from tests.builders import claim, drive, look, project_of, run, step

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Remote]

ONE = "phases: [{key: only, steps: [{key: a, capability: skill, retry: {max_attempts: 1}}]}]"
LIST = "phases: [{key: only, steps: [{key: a, capability: skill, for_each: '[1, 2, 3]'}]}]"


def look_again(project: Project, times: int = 1) -> None:
    """The moment of its next look has come, and a worker takes the message."""
    for _ in range(times):
        Step.objects.filter(project=project, state="ready").update(available_at=None, published_at=Now())
        for each in Step.objects.filter(project=project, state="ready"):
            run(each)


def told(project: Project) -> list[tuple[str, int]]:
    """What the history says of the step, with the number of the attempt."""
    events = history.events_of(project.pk).filter(subject="a").order_by("id")
    return [(event.kind.removeprefix("step."), event.data["attempt"]) for event in events]


def attempts(project: Project) -> list[tuple[int, str]]:
    return list(Attempt.objects.filter(step__project=project).order_by("number").values_list("number", "outcome"))


def test_however_often_it_is_looked_at_the_history_says_once_that_nobody_can_take_it() -> None:
    project = drive(project_of(ONE))
    since = (step(project, "a").error or {})["since"]

    look_again(project, times=5)

    waits = step(project, "a")
    assert told(project) == [("started", 1), ("held", 1)]
    assert attempts(project) == [(1, "held")]
    assert (waits.state, waits.attempt, waits.failures, waits.lease_owner) == ("ready", 1, 0, None)
    assert (waits.error or {})["since"] == since
    assert "No agent is registered for capability 'skill'" in (waits.error or {})["message"]


def test_another_reason_is_told(remote: Make) -> None:
    project = drive(project_of(ONE))
    open_circuit(remote("shut").name)

    look_again(project, times=3)

    assert told(project) == [("started", 1), ("held", 1), ("started", 2), ("held", 2)]
    assert attempts(project) == [(1, "held"), (2, "held")]


def test_when_somebody_takes_it_the_history_says_that_it_has_begun(remote: Make) -> None:
    project = drive(project_of(ONE))
    look_again(project, times=2)
    remote("able")

    look_again(project)

    assert told(project) == [("started", 1), ("held", 1), ("started", 2), ("completed", 2)]
    assert attempts(project) == [(1, "held"), (2, "completed")]
    assert drive(project).state == "completed"


def test_a_worker_that_dies_while_it_looks_leaves_a_history_without_a_gap() -> None:
    project = drive(project_of(ONE))
    Step.objects.filter(project=project).update(available_at=None)
    assert claim(step(project, "a")) is not None
    assert told(project) == [("started", 1), ("held", 1)], "nobody has taken it yet"
    Step.objects.filter(project=project).update(lease_until=Now() - timedelta(seconds=1))

    recovery.recover()

    assert told(project)[2:] == [("started", 2), ("taken_back", 2)]
    assert attempts(project) == [(1, "held"), (2, "lost")]


def test_the_looks_grow_rare_where_only_a_registration_can_help() -> None:
    project = drive(project_of(ONE))

    look_again(project, times=12)

    waits = step(project, "a")
    assert waits.available_at is not None
    [due] = Timer.objects.filter(step=waits, kind="retry").values_list("due_at", flat=True)
    seconds = (due - waits.available_at).total_seconds()
    assert abs(seconds) < 1
    assert Step.objects.filter(pk=waits.pk, available_at__gt=Now() + timedelta(seconds=50)).exists()


def test_whoever_registers_sends_for_what_waited_for_it(remote: Make) -> None:
    project, other = drive(project_of(LIST)), drive(project_of(ONE.replace("skill", "art")))
    look_again(project, times=8)
    look_again(other, times=8)

    remote("able")
    timers.fire_due()
    dispatching.reset()
    drive(project)

    assert look(project).state == "completed"
    assert step(other, "a").available_at is not None, "what it cannot do waits on"


def test_what_registers_without_the_capability_sends_for_nothing(remote: Make) -> None:
    project = drive(project_of(ONE))
    look_again(project, times=8)
    before = step(project, "a").available_at

    remote("stranger", capabilities={"art": "1.0.0"})

    assert step(project, "a").available_at == before


def test_a_circuit_that_closes_sends_for_what_waited_for_it(remote: Make) -> None:
    agent = remote("shut")
    open_circuit(agent.name)
    project = drive(project_of(ONE))
    look_again(project, times=8)
    assert step(project, "a").available_at is not None

    close_circuit(agent.name)
    timers.fire_due()

    assert drive(project).state == "completed"


def test_what_a_paused_project_waits_for_is_not_sent_for(remote: Make) -> None:
    project = drive(project_of(ONE))
    look_again(project, times=8)
    control.pause(project_id=project.pk, actor=system_actor())
    before = step(project, "a").available_at

    remote("able")

    assert step(project, "a").available_at == before


def test_a_step_that_nobody_could_take_has_no_attempt_wherever_attempts_are_counted(remote: Make) -> None:
    agents = [remote("x"), remote("y")]
    for each in agents:
        open_circuit(each.name)
    project = drive(project_of(ONE))
    look_again(project)

    (row,) = (row for block in page_of(project).phases for row in block.rows)
    (a_round,) = rounds.rounds_of(Phase.objects.get(project=project))

    assert step(project, "a").attempt >= 1
    assert (row.attempts, a_round.steps[0].attempts) == (0, 0)
    assert previews.preview_cancel(project_id=project.pk, actor=system_actor()).spent.attempts == 0
    assert side_by_side(project, project).steps[0].a.attempts == 0  # type: ignore[union-attr]
    (block,) = imported_page.page_of(snapshots.snapshot(project_id=project.pk)).phases
    assert block.steps[0].attempts == 0

    close_circuit("x")
    look_again(project)
    assert page_of(project).phases[0].rows[0].attempts == 1
