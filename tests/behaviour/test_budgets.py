"""A budget that asks instead of killing: who decides raises it or says no, and an operator may change its limits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from orchestrator_site.access.actors import system_actor
from orchestrator_site.errors import Forbidden
from orchestrator_site.history import services as history
from projects.errors import BudgetInvalid, BudgetNotFound, RefusedInState
from projects.models import Approval, Step, Timer
from projects.models.approval import Verdict
from projects.services import approvals, budgets, control, guards
from projects.services.progressing import progress
from projects.services.recovery import recover
from tests.behaviour.spending import THREE, budget, claims, spent
from tests.builders import approver, as_actor, drive, look, open_approval, person, project_of, states, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("spenders")]


def decide(project: Any, verdict: Verdict = Verdict.APPROVE, **options: Any) -> Approval:
    user = approver(f"anna-{Approval.objects.count()}")
    return approvals.decide(approval_id=open_approval(project).pk, user=user, verdict=verdict, via="test", **options)


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
