"""An approval holds for what was shown: when that changes it is void, and people are asked again."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from orchestrator_site.errors import PhasegateError
from orchestrator_site.history import services as history
from projects.errors import ApprovalClosed, EvidenceChanged, NotAnApprover
from projects.models import Approval, Phase, PlanVersion, Project, Step
from projects.models.approval import Verdict
from projects.services import advancing, approvals, control
from tests.builders import (
    agent_that,
    approver,
    as_actor,
    by_force,
    drive,
    kinds,
    look,
    open_approval,
    person,
    project_of,
    ready_steps,
    result,
    run,
    states,
    step,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: context.params.get("say"), "echo")


def asked(approval: str = "", **options: Any) -> Project:
    return drive(
        project_of(
            f"""
            variables: {{price: 10}}
            phases:
              - key: draft
                steps:
                  - {{key: text, agent: echo, params: {{say: "the text"}}}}
                gate:
                  quality: [{{name: cheap, check: "variables.price <= 50", otherwise: review}}]
                  approval:
                    title: Approve ${{results.text}}
                    evidence: {{Price: "${{variables.price}}", Text: "${{results.text}}"}}
                    content: {{headline: "${{results.text}}"}}
                    form: {{type: object, properties: {{headline: {{type: string}}}}}}
                    {approval}
              - key: publish
                steps:
                  - {{key: out, agent: echo, params: {{say: "${{approvals.draft.headline}}"}}}}
                  - {{key: later, agent: echo, needs: [out], params: {{say: "done"}}}}
            """,
            **options,
        )
    )


def decide(approval: Approval, user: Any, verdict: Verdict = Verdict.APPROVE, **options: Any) -> Approval:
    return approvals.decide(approval_id=approval.pk, user=user, verdict=verdict, via="test", **options)


def reprice(project: Project, price: int) -> None:
    Project.objects.filter(pk=project.pk).update(variables={"price": price})


def replan(project: Project) -> None:
    """What an intervention leaves: the next version of the plan, in which a step of the next phase is another."""
    now = PlanVersion.objects.get(project=project, number=project.plan_version)
    plan = [dict(phase) for phase in now.plan]
    plan[1] = plan[1] | {"steps": [plan[1]["steps"][0] | {"agent": "printer"}, *plan[1]["steps"][1:]]}
    PlanVersion.objects.create(project=project, number=now.number + 1, author="test", plan=plan)
    Project.objects.filter(pk=project.pk).update(plan_version=now.number + 1)


def events(project: Project, kind: str) -> list[dict[str, Any]]:
    return [event.data for event in history.events_of(project.pk, kinds=[kind])]


def states_of(project: Project) -> list[str]:
    return list(Approval.objects.filter(project=project).order_by("opened_at").values_list("state", flat=True))


def test_an_approval_keeps_the_plan_and_the_digest_of_what_it_shows() -> None:
    project = asked()
    replan(project)
    advancing.advance(project.pk)

    assert open_approval(project).plan_version == 2
    decided = decide(open_approval(project), approver())
    said = events(project, "approval.approved")[0]
    assert said["plan_version"] == 2
    assert said["evidence_sha256"] == decided.evidence_digest == decided.decisions.get().evidence_digest


def test_what_did_not_change_goes_on_once() -> None:
    project = asked()
    decide(open_approval(project), approver())

    assert drive(project).state == "completed"
    assert states_of(project) == ["approved"]
    assert kinds(project).count("phase.completed") == 2


@pytest.mark.parametrize("change", [lambda project: reprice(project, 99), replan])
def test_a_change_between_the_decision_and_the_next_phase_voids_it_and_asks_again(change: Any) -> None:
    project = asked()
    first = open_approval(project)
    decide(first, approver("anna"))
    change(project)

    project = drive(project)
    again = open_approval(project)
    first.refresh_from_db()
    assert (first.state, again.supersedes, again.approvals) == ("void", first, 0)
    assert states(project)["out"] == "pending"
    assert events(project, "approval.voided")[0]["difference"] == again.difference != []

    decide(again, approver("ben"))
    assert drive(project).state == "completed"
    assert states_of(project) == ["void", "approved"]


def test_the_difference_says_what_it_was_and_what_it_is() -> None:
    project = asked()
    decide(open_approval(project), approver())
    reprice(project, 99)
    drive(project)

    assert open_approval(project).difference == [
        {"label": "Price", "before": 10, "after": 99},
        {"label": "Quality: cheap", "before": "met", "after": "not met: variables.price <= 50"},
    ]


def test_a_change_of_the_plan_is_told_step_by_step() -> None:
    project = asked()
    replan(project)
    advancing.advance(project.pk)

    assert {"label": "Plan: step out > agent", "before": "echo", "after": "printer"} in open_approval(
        project
    ).difference


def test_a_changed_result_voids_it() -> None:
    project = asked()
    decide(open_approval(project), approver())
    Step.objects.filter(project=project, key="text").update(result="another text")
    drive(project)

    again = open_approval(project)
    assert again.title == "Approve another text"
    assert {"label": "Content > headline", "before": "the text", "after": "another text"} in again.difference


def test_decisions_on_an_open_approval_are_void_when_the_evidence_changes_under_it() -> None:
    project = asked("approvers: {quorum: 2}")
    first, anna = open_approval(project), approver("anna")
    decide(first, anna)
    reprice(project, 99)
    advancing.advance(project.pk)

    again = open_approval(project)
    assert (again.pk != first.pk, again.approvals) == (True, 0)
    with pytest.raises(EvidenceChanged, match=str(again.pk)):
        decide(first, approver("late"), seen_digest=first.evidence_digest)
    with pytest.raises(EvidenceChanged):
        decide(again, approver("old-page"), seen_digest=first.evidence_digest)
    decide(again, anna)
    assert decide(again, approver("ben")).state == "approved"
    assert drive(project).state == "completed"


def test_who_decides_before_anybody_has_looked_learns_that_it_has_changed() -> None:
    project = asked()
    first = open_approval(project)
    reprice(project, 99)

    with pytest.raises(EvidenceChanged) as refusal:
        decide(first, approver(), seen_digest=first.evidence_digest)
    assert refusal.value.http_status == 409
    assert first.decisions.count() == 0


def dispatched(project: Project) -> None:
    """Approved and sent: the next phase has begun, and nobody has claimed a step of it."""
    decide(open_approval(project), approver("anna"))
    advancing.advance(project.pk)
    assert [each.key for each in ready_steps(project)] == ["out"]


def test_until_the_first_step_is_claimed_a_change_takes_the_next_phase_back() -> None:
    project = asked()
    dispatched(project)
    sent = step(project, "out")
    reprice(project, 99)
    advancing.advance(project.pk)

    run(sent)
    assert kinds(project).count("step.started") == 1, "a message that is on its way finds nothing"
    assert dict(Phase.objects.filter(project=project).values_list("key", "state")) == {
        "draft": "waiting",
        "publish": "pending",
    }
    assert states_of(project) == ["void", "open"]
    decide(open_approval(project), approver("ben"))
    project = drive(project)
    assert project.state == "completed"
    assert list(Step.objects.filter(project=project, key="out").order_by("round").values_list("state", flat=True)) == [
        "cancelled",
        "completed",
    ]
    assert Phase.objects.get(project=project, key="publish").iteration == 1


def test_once_a_step_is_claimed_the_approval_stands() -> None:
    project = asked()
    dispatched(project)
    run(step(project, "out"))
    reprice(project, 99)

    assert drive(project).state == "completed"
    assert states_of(project) == ["approved"]


def test_who_changes_something_can_have_it_rechecked_in_the_same_transaction_also_in_a_pause() -> None:
    project = asked()
    dispatched(project)
    operator = as_actor(person("operator", is_superuser=True))
    control.pause(project_id=project.pk, actor=operator)
    with transaction.atomic():
        Project.objects.lock_for_control(project.pk)
        reprice(project, 99)
        advancing.recheck_approvals(project.pk)

    assert states_of(project) == ["void", "open"]
    assert states(project)["out"] == "pending"
    advancing.recheck_approvals(project.pk)
    assert states_of(project) == ["void", "open"]


def test_a_phase_that_waits_and_has_work_again_is_worked_on_and_asked_again() -> None:
    project = asked()
    with by_force():
        Step.objects.filter(project=project, key="text").update(
            state="pending", result=None, finished_at=None, published_at=None
        )
    first = open_approval(project)

    project = drive(project)
    assert (open_approval(project).supersedes, states(project)["text"]) == (first, "completed")
    assert kinds(project).count("phase.reopened") == 1


@pytest.mark.parametrize("answered", [False, True])
def test_an_approval_that_was_left_behind_when_its_phase_was_begun_again_is_void(answered: bool) -> None:
    project = asked()
    first = open_approval(project)
    with transaction.atomic():
        if answered:
            decide(first, approver())
        Phase.objects.filter(project=project, key="draft").update(state="running")

    assert (open_approval(drive(project)).supersedes, states_of(project)) == (first, ["void", "open"])


def test_a_question_that_can_no_longer_be_put_together_fails_the_project_with_the_reason() -> None:
    project = asked()
    decide(open_approval(project), approver())
    Project.objects.filter(pk=project.pk).update(variables={})

    project = drive(project)
    assert project.state == "failed"
    assert "variables.price" in project.failure
    assert states_of(project) == ["void"]


def test_content_that_was_edited_is_compared_as_it_was_asked() -> None:
    project = asked("approvers: {quorum: 2}")
    decide(open_approval(project), approver("anna"), edits={"headline": "Better"})
    reprice(project, 20)
    advancing.advance(project.pk)

    assert open_approval(project).difference == [{"label": "Price", "before": 10, "after": 20}]
    assert open_approval(project).content == {"headline": "the text"}


def test_what_is_executed_is_what_was_decided() -> None:
    project = asked()
    decided = decide(open_approval(project), approver(), edits={"headline": "Better"})

    assert result(drive(project), "out") == "Better"
    from orchestrator_site.digests import digest_of

    assert events(project, "approval.approved")[0]["content_sha256"] == digest_of({"headline": "Better"})
    assert decided.content == {"headline": "Better"}


def test_content_changed_behind_the_decision_is_not_executed() -> None:
    project = asked()
    decided = decide(open_approval(project), approver(), edits={"headline": "Better"})
    Approval.objects.filter(pk=decided.pk).update(content={"headline": "Pay mallory"})

    project = drive(project)
    assert project.state == "failed"
    assert "is not what was decided" in project.failure


def test_an_approval_that_nobody_gave_is_not_executed() -> None:
    project = asked()
    Approval.objects.filter(pk=open_approval(project).pk).update(state="approved", finished_at=project.created_at)

    assert "is not what was decided" in drive(project).failure


def test_the_right_counts_when_the_decision_is_made_and_not_when_the_page_was_opened() -> None:
    project = asked("approvers: {groups: [marketing]}")
    anna = approver("anna", "marketing")
    assert anna.has_perm("projects.decide_approval")  # the object in hand keeps this answer
    anna.user_permissions.clear()

    with pytest.raises(NotAnApprover) as refusal:
        decide(open_approval(project), anna)
    assert refusal.value.http_status == 403

    ben = approver("ben", "marketing")
    ben.groups.clear()
    with pytest.raises(NotAnApprover):
        decide(open_approval(project), ben)
    eve = approver("eve", "marketing", is_active=False)
    with pytest.raises(NotAnApprover):
        decide(open_approval(project), eve)


def test_what_was_rejected_stays_rejected_whatever_changes() -> None:
    project = asked()
    first = open_approval(project)
    decide(first, approver(), Verdict.REJECT, comment="no")
    reprice(project, 99)

    assert drive(project).failure_code == "rejected"
    with pytest.raises(ApprovalClosed):
        decide(first, approver("ben"))


def test_who_said_yes_beforehand_says_it_to_what_changed_too() -> None:
    project = asked(auto_approve=True, started=False)
    control.start(project_id=project.pk, actor=as_actor(person("operator", is_superuser=True)))

    assert drive(project).state == "completed"
    assert states_of(look(project)) == ["approved"]


def test_a_cancelled_project_asks_nothing_again() -> None:
    project = asked()
    control.cancel(project_id=project.pk, actor=as_actor(person("operator", is_superuser=True)))
    reprice(project, 99)
    advancing.advance(project.pk)
    advancing.recheck_approvals(project.pk)

    assert states_of(project) == ["cancelled"]
    with pytest.raises(PhasegateError):
        decide(Approval.objects.get(project=project), approver())
