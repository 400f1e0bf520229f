"""A budget that asks instead of killing: reserved before a step, settled once after it, raised by people."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from agents.errors import PermanentFailure
from orchestrator_site.access.actors import system_actor
from orchestrator_site.errors import Forbidden
from orchestrator_site.history import services as history
from projects.errors import BudgetInvalid, BudgetNotFound, RefusedInState
from projects.models import Approval, Attempt, Budget, Reservation, Step, Timer
from projects.models.approval import Verdict
from projects.services import advancing, approvals, budgets, control, guards, turns
from projects.services.attempts import Claim
from projects.services.progressing import progress
from projects.services.recovery import recover
from tests.builders import (
    agent_that,
    approver,
    as_actor,
    claim,
    do,
    drive,
    kinds,
    look,
    open_approval,
    person,
    project_of,
    run,
    states,
    step,
)

pytestmark = pytest.mark.django_db(transaction=True)

THREE = """
budgets: {cost: {soft: 2, hard: 10}}
phases:
  - key: one
    steps:
      - {key: a, agent: spender, estimate: {cost: 1}}
      - {key: b, agent: spender, needs: [a], estimate: {cost: 1}}
      - {key: c, agent: spender, needs: [b], estimate: {cost: 1}}
"""


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(spend, "spender")
    agent_that(spend_and_fail, "failing-spender")


def spend(context: Any) -> str:
    context.record_usage(tokens_in=60, tokens_out=40, cost=context.params.get("cost", 1.0))
    return "done"


def spend_and_fail(context: Any) -> None:
    context.record_usage(tokens_in=10, cost=1.0)
    raise PermanentFailure("spent, and nothing to show")


def budget(project: Any, measure: str = "cost", **of: Any) -> Budget:
    return Budget.objects.get(project=project, measure=measure, **of)


def spent(project: Any, measure: str = "cost", **of: Any) -> float:
    return float(budget(project, measure, **of).spent)


def decide(project: Any, verdict: Verdict = Verdict.APPROVE, **options: Any) -> Approval:
    user = approver(f"anna-{Approval.objects.count()}")
    return approvals.decide(approval_id=open_approval(project).pk, user=user, verdict=verdict, via="test", **options)


def claims(project: Any, key: str) -> Claim | None:
    return claim(step(project, key))


# --- asking ---------------------------------------------------------------------------------------------------------


def test_crossing_the_soft_limit_asks_once_and_the_step_waits() -> None:
    project = drive(project_of(THREE))

    assert states(project) == {"a": "completed", "b": "completed", "c": "ready"}
    approval = open_approval(project)
    assert (approval.purpose, approval.budget, approval.step.key) == ("budget", budget(project), "c")
    assert approval.content == {"raise_by": 2.0}
    evidence = {each["label"]: each["value"] for each in approval.evidence}
    assert evidence["Spent"] == 2.0
    assert evidence["The step wants"] == 1.0
    assert (evidence["Soft limit"], evidence["Hard limit"]) == (2.0, 10.0)

    Step.objects.filter(pk=step(project, "c").pk).update(available_at=None)
    drive(project)
    assert Approval.objects.count() == 1


def test_a_yes_raises_the_limit_and_the_same_step_goes_on() -> None:
    project = drive(project_of(THREE))
    waiting = step(project, "c").pk

    decide(project)
    project = drive(project)

    assert project.state == "completed"
    assert step(project, "c").pk == waiting
    assert (float(budget(project).soft), float(budget(project).hard), spent(project)) == (4.0, 10.0, 3.0)
    raised = history.events_of(project.pk).get(kind="budget.raised")
    assert raised.data["before"]["soft"] == 2.0
    assert raised.data["after"]["soft"] == 4.0
    assert not Timer.objects.exists()


def test_the_approver_says_by_how_much_and_the_hard_limit_follows_where_it_must() -> None:
    project = drive(project_of(THREE))

    decide(project, edits={"raise_by": 20})

    assert (float(budget(project).soft), float(budget(project).hard)) == (22.0, 30.0)
    assert drive(project).state == "completed"


def test_a_raise_that_is_too_small_asks_again() -> None:
    project = drive(project_of(THREE))

    decide(project, edits={"raise_by": 0.5})
    project = drive(project)

    assert states(project)["c"] == "ready"
    assert open_approval(project).content == {"raise_by": 2.5}


def test_a_no_fails_the_step_with_the_reason() -> None:
    project = drive(project_of(THREE))

    decide(project, Verdict.REJECT, comment="too dear")
    project = drive(project)

    assert project.state == "failed"
    error = step(project, "c").error
    assert error["code"] == "budget_refused"
    assert "too dear" in error["message"]
    assert project.failure_code == "budget_refused"


def test_a_no_holds_for_the_other_steps_of_the_budget_until_somebody_raises_the_limit() -> None:
    project = drive(
        project_of(
            """
            budgets: {cost: {soft: 1}}
            phases:
              - key: one
                steps:
                  - {key: a, agent: spender, on_failure: continue, params: {cost: 1}, estimate: {cost: 1}}
                  - {key: b, agent: spender, on_failure: continue, needs: [a], estimate: {cost: 1}}
                  - {key: c, agent: spender, on_failure: continue, needs: [b], estimate: {cost: 1}}
            """
        )
    )
    decide(project, Verdict.REJECT, comment="no")
    drive(project, steps=1)
    assert states(project) == {"a": "completed", "b": "failed", "c": "ready"}

    budgets.change(project=project, budget_id=budget(project).pk, actor=system_actor(), limits={"soft": 9.0})
    project = drive(project)

    assert states(project)["c"] == "completed"
    assert Approval.objects.count() == 1


def test_at_the_hard_limit_the_step_fails() -> None:
    project = drive(project_of(THREE.replace("soft: 2, hard: 10", "hard: 2")))

    assert project.state == "failed"
    assert step(project, "c").error["code"] == "budget_exhausted"
    assert "2 of at most 2" in step(project, "c").error["message"]
    assert not Approval.objects.exists()


def test_a_step_without_an_estimate_starts_while_anything_is_left() -> None:
    project = drive(project_of(THREE.replace("soft: 2, hard: 10", "hard: 1.5").replace(", estimate: {cost: 1}", "")))

    assert states(project) == {"a": "completed", "b": "completed", "c": "failed"}
    assert spent(project) == 2.0


def test_approvals_given_beforehand_raise_up_to_the_hard_limit_and_no_further() -> None:
    project = drive(
        project_of(
            THREE.replace("soft: 2, hard: 10", "soft: 1, hard: 2"), actor=as_actor(person("olga")), auto_approve=True
        )
    )

    assert states(project) == {"a": "completed", "b": "completed", "c": "failed"}
    assert (float(budget(project).soft), float(budget(project).hard)) == (2.0, 2.0)
    assert step(project, "c").error["code"] == "budget_exhausted"


def test_who_is_asked_and_for_how_long_is_the_blueprints_word() -> None:
    project = drive(
        project_of(
            THREE.replace(
                "cost: {soft: 2, hard: 10}",
                "cost: {soft: 2, hard: 10, raise_by: 3}, approvers: {groups: [finance]}, deadline: 2h",
            )
        )
    )
    approval = open_approval(project)
    assert (approval.groups, approval.content) == (["finance"], {"raise_by": 3.0})
    assert approval.deadline is not None

    Approval.objects.update(deadline=Now() - timedelta(seconds=1))
    recover()
    drive(project)

    assert step(project, "c").error["code"] == "budget_refused"
    assert "Nobody decided" in step(project, "c").error["message"]


def test_nothing_is_asked_of_a_project_that_is_held() -> None:
    project = drive(project_of(THREE), steps=2)
    control.pause(project_id=project.pk, actor=system_actor())

    assert claims(project, "c") is None
    assert not Approval.objects.exists()


def test_a_question_that_nobody_needs_answered_any_more_closes_with_the_project() -> None:
    project = drive(project_of(THREE))
    control.cancel(project_id=project.pk, actor=system_actor())

    assert Approval.objects.get().state == "cancelled"


def test_the_answer_about_a_budget_is_no_answer_at_the_gate() -> None:
    project = drive(
        project_of(
            THREE.replace("soft: 2", "soft: 1").replace(
                "    steps:", "    gate: {approval: {title: Go on, content: {word: yes}}}\n    steps:"
            )
        )
    )
    decide(project)
    project = drive(project)
    assert open_approval(project).purpose == "budget"
    decide(project, edits={"raise_by": 9})
    project = drive(project)

    assert open_approval(project).purpose == "gate"
    assert project.state == "running"


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


# --- operators ------------------------------------------------------------------------------------------------------


def test_an_operator_raises_a_limit_with_a_reason_and_the_open_question_lapses() -> None:
    project = drive(project_of(THREE))

    standing = budgets.change(
        project=project,
        budget_id=budget(project).pk,
        actor=system_actor(),
        reason="the client pays",
        limits={"soft": 8.0},
    )

    assert (standing.soft, standing.hard) == (8.0, 10.0)
    assert Approval.objects.get().state == "void"
    assert drive(project).state == "completed"
    changed = history.events_of(project.pk).get(kind="budget.changed")
    assert changed.data["reason"] == "the client pays"


def test_limits_that_do_not_fit_are_refused() -> None:
    project = drive(project_of(THREE))
    pk = budget(project).pk

    for limits in ({"soft": 20.0}, {"soft": None, "hard": None}):
        with pytest.raises(BudgetInvalid):
            budgets.change(project=project, budget_id=pk, actor=system_actor(), limits=limits)
    with pytest.raises(BudgetNotFound):
        budgets.change(project=project, budget_id=pk + 1, actor=system_actor(), limits={"soft": 1.0})
    control.cancel(project_id=project.pk, actor=system_actor())
    with pytest.raises(RefusedInState):
        budgets.change(project=look(project), budget_id=pk, actor=system_actor(), limits={"soft": 3.0})


def test_who_starts_a_project_may_give_it_less_and_with_the_right_to_control_more() -> None:
    project = project_of(THREE, budgets={"cost": {"soft": 1}, "launches": {"hard": 3}})
    assert (float(budget(project).soft), float(budget(project).hard)) == (1.0, 10.0)
    assert float(budget(project, "launches").hard) == 3

    starter = as_actor(person("sam", may=["start_project"]))
    project_of(THREE, actor=starter, budgets={"cost": {"hard": 5}})
    with pytest.raises(Forbidden, match="cost"):
        project_of(THREE, actor=starter, budgets={"cost": {"hard": 50}})
    with pytest.raises(BudgetInvalid, match="There is no budget of 'money'"):
        project_of(THREE, budgets={"money": {"hard": 50}})


def test_progress_says_what_is_spent_and_why_a_step_waits() -> None:
    project = drive(project_of(THREE))

    told = progress(project_id=project.pk)

    assert [(each.measure, each.spent, each.soft, each.hard) for each in told.budgets] == [("cost", 2.0, 2.0, 10.0)]
    assert "Raise the budget: cost of the project" in told.next_action
    assert "of the cost of the project, 2 spent of 2" in (guards.why(step(project, "c")) or "")


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
