"""What a step may use is reserved of every budget that it is under; what it used is booked once, however it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from projects.models import Attempt, Reservation, Step, Timer
from projects.services import advancing, budgets, guards, turns
from projects.services.recovery import recover
from tests.behaviour.spending import THREE, claims, spent
from tests.builders import agent_that, do, drive, kinds, project_of, run, states, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("spenders")]

# --- whose --------------------------------------------------------------------------------------------------------


def test_a_phase_an_agent_and_each_measure_have_budgets_of_their_own() -> None:
    project = drive(
        project_of(
            """
            budgets:
              tokens: {hard: 1000}
              agents: {spender: {launches: {hard: 10}}}
            phases:
              - key: one
                budgets: {cost: {hard: 5}}
                steps: [{key: a, agent: spender}]
              - key: two
                budgets: {seconds: {hard: 100}}
                steps: [{key: b, agent: spender}]
            """
        )
    )

    assert project.state == "completed"
    assert spent(project, "tokens") == 200
    assert spent(project, "launches", scope="agent", name="spender") == 2
    assert spent(project, "cost", scope="phase", name="one") == 1.0
    assert 0 < spent(project, "seconds", scope="phase", name="two") < 60


def test_steps_under_no_budget_are_not_guarded() -> None:
    project = project_of(
        """
        budgets: {agents: {spender: {cost: {hard: 5}}}}
        phases: [{key: one, steps: [{key: a, agent: spender}, {key: b, agent: failing-spender}]}]
        """
    )

    assert step(project, "a").guarded
    assert not step(project, "b").guarded


# --- reserving and settling -----------------------------------------------------------------------------------------

TWO = """
budgets: {cost: {hard: 10}}
phases:
  - key: one
    steps:
      - {key: a, agent: spender, estimate: {cost: 6}}
      - {key: b, agent: spender, estimate: {cost: 6}}
"""


def test_two_steps_cannot_both_overspend_and_the_second_goes_when_the_first_has_used_less() -> None:
    project = drive(project_of(TWO), steps=0)
    first = claims(project, "a")
    assert first is not None

    assert claims(project, "b") is None
    assert states(project) == {"a": "running", "b": "ready"}
    assert "waits for running steps to end" in (guards.why(step(project, "b")) or "")

    do(first)
    assert step(project, "b").available_at is None, "it was sent for"
    assert drive(project).state == "completed"
    assert spent(project) == 2.0


def test_a_failed_attempt_is_booked_too_and_shown_with_its_agent() -> None:
    project = drive(project_of(THREE.replace("agent: spender", "agent: failing-spender")))

    assert project.state == "failed"
    assert spent(project) == 1.0
    assert [float(attempt.cost) for attempt in Attempt.objects.all()] == [1.0]


def test_an_attempt_is_booked_once_however_often_it_is_settled() -> None:
    project = drive(project_of(THREE), steps=1)
    for _ in range(3):
        guards.settle(step(project, "a").pk, 1, tokens=100, cost=1.0, seconds=1.0)
        run(step(project, "a"))

    assert spent(project) == 1.0


def test_what_a_dead_worker_had_reserved_counts_as_used_and_no_longer_as_reserved() -> None:
    project = drive(project_of(TWO), steps=0)
    claims(project, "a")
    Step.objects.filter(state="running").update(lease_until=Now() - timedelta(seconds=1))

    recover()

    standing = budgets.overview(project)[0]
    assert (standing.spent, standing.reserved) == (6.0, 0.0)


def test_a_late_result_books_nothing_more() -> None:
    project = drive(project_of(TWO), steps=0)
    slow = claims(project, "a")
    assert slow is not None
    Step.objects.filter(state="running").update(lease_until=Now() - timedelta(seconds=1))
    recover()

    do(slow)

    assert spent(project) == 6.0
    assert kinds(project)[-1] == "step.late_result"
    assert Reservation.objects.count() == 1


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), -5.0, 1e300])
def test_whatever_an_agent_says_that_it_used_the_budget_stays_a_number(cost: float) -> None:
    agent_that(lambda context: context.record_usage(cost=cost), "liar")
    project = drive(
        project_of("budgets: {cost: {soft: 5}}\nphases: [{key: one, steps: [{key: a, agent: liar}]}]"), steps=0
    )
    held = claims(project, "a")
    assert held is not None

    guards.settle(held.id, held.attempt, tokens=0, cost=cost, seconds=0)

    assert 0 <= spent(project) <= 1e12


# --- the net --------------------------------------------------------------------------------------------------------


def test_a_step_that_nobody_sent_for_is_looked_at_when_its_timer_is_due() -> None:
    project = drive(project_of(TWO), steps=0)
    held = claims(project, "a")
    assert held is not None
    assert claims(project, "b") is None
    due()
    assert turns.look_again() == 0, "there is no room yet"

    Step.objects.filter(pk=held.id).update(
        state="completed", lease_owner=None, lease_until=None, finished_at=Now()
    )  # as if the worker had died between its commit and the sending
    due()
    assert recover().timers_fired == 1
    advancing.advance(project.pk)
    assert claims(project, "b") is not None


def due() -> None:
    past = Now() - timedelta(seconds=1)
    Timer.objects.update(due_at=past)
    Step.objects.filter(state="ready", available_at__isnull=False).update(available_at=past)
