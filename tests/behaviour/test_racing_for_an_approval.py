"""Two at the same moment on one approval, RACES times (50): one is first, the other learns so, nothing is half done."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models.functions import Now

from orchestrator_site.errors import PhasegateError
from projects.models import Approval, Decision, Project, Step
from projects.models.approval import Verdict
from projects.services import advancing, approvals, control, interventions
from tests.behaviour.test_approvals_hold_for_what_was_seen import replan
from tests.behaviour.test_approving_a_phase import race
from tests.builders import (
    agent_that,
    approver,
    as_actor,
    drive,
    look,
    open_approval,
    person,
    project_of,
    ready_steps,
    result,
    run,
    states,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
ROUNDS = int(os.environ.get("RACES", "50"))


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: context.params.get("say"), "echo")


def asked(approval: str = "") -> Project:
    return drive(
        project_of(
            f"""
            phases:
              - key: draft
                steps: [{{key: text, agent: echo, params: {{say: hello}}}}]
                gate: {{approval: {{title: Approve it, evidence: {{Text: "${{results.text}}"}}{approval}}}}}
              - key: publish
                steps: [{{key: out, agent: echo, params: {{say: "${{approvals.draft}}"}}}}]
            """
        )
    )


def decide(pk: Any, user: Any, verdict: Verdict = Verdict.APPROVE) -> Approval:
    return approvals.decide(approval_id=pk, user=user, verdict=verdict, comment="said", via="test")


def claimed(project: Project) -> bool:
    return Step.objects.filter(project=project, key="out", attempt__gt=0).exists()


def later(attempt: int, call: Callable[[], Any]) -> Callable[[], Any]:
    """The call, begun a little later at each attempt, so that over fifty of them now one is first and now the other."""

    def begin() -> Any:
        time.sleep(attempt / 1000)
        return call()

    return begin


def refusals(outcomes: list[Any]) -> list[str]:
    return [type(each).__name__ for each in outcomes if isinstance(each, PhasegateError)]


def test_two_approvers_of_a_quorum_of_two_both_count_and_close_it_once() -> None:
    anna, ben = approver("anna"), approver("ben")
    for _ in range(ROUNDS):
        project = asked(", approvers: {quorum: 2}")
        pk = open_approval(project).pk
        outcomes = race(lambda pk=pk: decide(pk, anna), lambda pk=pk: decide(pk, ben))

        assert refusals(outcomes) == []
        approval = Approval.objects.get(pk=pk)
        assert (approval.state, approval.approvals, approval.decisions.count()) == ("approved", 2, 2)
        assert drive(project).state == "completed"


def test_two_approvers_where_one_is_enough() -> None:
    anna, ben = approver("anna"), approver("ben")
    for _ in range(ROUNDS):
        pk = open_approval(asked()).pk
        outcomes = race(lambda pk=pk: decide(pk, anna), lambda pk=pk: decide(pk, ben))

        assert refusals(outcomes) == ["ApprovalClosed"]
        approval = Approval.objects.get(pk=pk)
        assert (approval.approvals, approval.decisions.count()) == (1, 1)


def test_a_yes_and_a_no() -> None:
    anna, ben = approver("anna"), approver("ben")
    for _ in range(ROUNDS):
        project = asked()
        pk = open_approval(project).pk
        outcomes = race(lambda pk=pk: decide(pk, anna), lambda pk=pk: decide(pk, ben, Verdict.REJECT))

        assert refusals(outcomes) == ["ApprovalClosed"]
        verdict = Decision.objects.get(approval=pk).verdict
        ended = drive(project)
        assert (verdict, ended.state) in {("approve", "completed"), ("reject", "failed")}
        assert claimed(project) == (verdict == "approve")


@pytest.mark.parametrize("on_timeout", ["reject", "approve"])
def test_a_yes_and_the_deadline(on_timeout: str) -> None:
    anna = approver("anna")
    for attempt in range(ROUNDS):
        project = asked(f", deadline: 1h, on_timeout: {on_timeout}")
        pk = open_approval(project).pk
        Approval.objects.filter(pk=pk).update(deadline=Now() + timedelta(milliseconds=attempt))

        def expire(pk: Any = pk) -> bool:
            while True:
                approval = Approval.objects.get(pk=pk)
                if approval.state != "open":
                    return False
                if approvals.time_out(approval):
                    return True

        outcomes = race(lambda pk=pk: decide(pk, anna), expire)

        decision = Decision.objects.get(approval=pk)
        assert (outcomes[1] is True) == (decision.via == "deadline")
        assert (refusals(outcomes) != []) == (decision.via == "deadline")
        passed = decision.verdict == "approve"
        assert drive(project).state == ("completed" if passed else "failed")
        assert claimed(project) == passed


def test_a_yes_and_a_cancel() -> None:
    anna, operator = approver("anna"), as_actor(person("operator", is_superuser=True))
    for attempt in range(ROUNDS):
        project = asked()
        pk = open_approval(project).pk
        race(
            lambda pk=pk: decide(pk, anna),
            later(attempt // 2, lambda project=project: control.cancel(project_id=project.pk, actor=operator)),
        )

        assert drive(project).state == "cancelled"
        approval = Approval.objects.get(pk=pk)
        assert (approval.state, approval.decisions.count()) in {("approved", 1), ("cancelled", 0)}
        assert not claimed(project)


def test_a_yes_and_a_change_of_the_plan() -> None:
    """Either the next phase began on the old plan before the change, or its approval is void and it has not begun."""
    anna = approver("anna")
    for attempt in range(ROUNDS):
        project = asked()
        pk = open_approval(project).pk

        def go_on(pk: Any = pk, project: Project = project) -> None:
            decide(pk, anna)
            advancing.advance(project.pk)
            for step in ready_steps(project):
                run(step)

        def change(project: Project = project) -> None:
            with transaction.atomic():
                Project.objects.lock_for_control(project.pk)
                replan(look(project))
                advancing.recheck_approvals(project.pk)

        race(go_on, later(attempt, change))
        advancing.advance(project.pk)

        approval = Approval.objects.get(pk=pk)
        if claimed(project):
            assert approval.state == "approved"
            assert drive(project).state == "completed"
        else:
            assert approval.state == "void"
            again = open_approval(project)
            assert (again.supersedes_id, again.plan_version) == (pk, 2)
            assert states(project)["out"] == "pending"
            decide(again.pk, anna)
            assert drive(project).state == "completed"
            assert Step.objects.filter(project=project, key="out", attempt__gt=0).count() == 1


def test_a_claim_and_a_change_of_the_plan() -> None:
    """The same, with the messages on their way already: the claim and the change meet at the step."""
    anna = approver("anna")
    for attempt in range(ROUNDS):
        project = asked()
        first = decide(open_approval(project).pk, anna)
        advancing.advance(project.pk)
        [out] = ready_steps(project)

        def change(project: Project = project) -> None:
            with transaction.atomic():
                replan(look(project))
                advancing.recheck_approvals(project.pk)

        race(later(attempt // 2, lambda out=out: run(out)), change)

        first.refresh_from_db()
        assert claimed(project) == (first.state == "approved")
        if first.state == "void":
            decide(open_approval(project).pk, anna)
        assert drive(project).state == "completed"
        assert Step.objects.filter(project=project, key="out", attempt__gt=0).count() == 1


def test_a_claim_and_an_intervention() -> None:
    """The same with the intervention that operators make: in its own transaction the old yes ends."""
    anna, operator = approver("anna"), as_actor(person("operator", is_superuser=True))
    for attempt in range(ROUNDS):
        project = asked()
        first = decide(open_approval(project).pk, anna)
        advancing.advance(project.pk)
        [out] = ready_steps(project)

        def change(project: Project = project) -> None:
            interventions.intervene(
                project_id=project.pk, actor=operator, change="modify", step="out", arguments={"params": {"say": "new"}}
            )

        outcomes = race(later(attempt // 2, lambda out=out: run(out)), change)

        first.refresh_from_db()
        was_refused = refusals(outcomes) != []
        assert claimed(project) == was_refused == (first.state == "approved")
        if not was_refused:
            again = open_approval(project)
            assert (again.supersedes_id, again.plan_version) == (first.pk, 2)
            decide(again.pk, anna)
        assert drive(project).state == "completed"
        assert was_refused or result(project, "out") == "new"
