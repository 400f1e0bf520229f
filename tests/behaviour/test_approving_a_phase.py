"""Gates: quality, approvals, who may decide, once, in time; and what follows a no."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now

from orchestrator_site.errors import PhasegateError
from projects.errors import (
    AlreadyDecided,
    ApprovalClosed,
    ApprovalExpired,
    CommentRequired,
    EvidenceChanged,
    NotAnApprover,
)
from projects.models import Approval, Decision, Project, Step
from projects.models.approval import Verdict
from projects.services import approvals, control
from projects.services.recovery import recover
from tests.builders import (
    agent_that,
    approver,
    as_actor,
    drive,
    look,
    open_approval,
    person,
    project_of,
    result,
    states,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: context.params.get("say"), "echo")
    agent_that(lambda context: {"round": context.params["round"], "because": list(context.rework)}, "writer")


def asked(approval: str = "", gate: str = "", **options: Any) -> Project:
    """A project that waits at its first gate."""
    return drive(
        project_of(
            f"""
            phases:
              - key: draft
                steps:
                  - {{key: text, agent: writer, params: {{round: "${{rework.round}}"}}}}
                gate:
                  {gate}
                  approval:
                    title: Approve the draft
                    {approval}
              - key: publish
                steps:
                  - {{key: out, agent: echo, params: {{say: "${{approvals.draft}}"}}}}
            """,
            **options,
        )
    )


def decide(project: Project, user: Any, verdict: Verdict = Verdict.APPROVE, **options: Any) -> Approval:
    return approvals.decide(approval_id=open_approval(project).pk, user=user, verdict=verdict, via="test", **options)


def test_a_project_waits_at_its_gate_until_a_person_approves() -> None:
    project = asked()
    assert project.state == "running"
    assert states(project)["out"] == "pending"

    decide(project, approver())

    assert drive(project).state == "completed"


def test_only_members_of_its_groups_with_the_right_may_decide() -> None:
    project = asked("approvers: {groups: [marketing]}")

    for user in (approver("other", "sales"), person("without-right", groups=["marketing"])):
        with pytest.raises(NotAnApprover):
            decide(project, user)

    assert decide(project, approver("member", "marketing")).state == "approved"


def test_a_quorum_needs_as_many_different_people() -> None:
    project = asked("approvers: {quorum: 2}")
    anna, ben = approver("anna"), approver("ben")

    assert decide(project, anna).state == "open"
    with pytest.raises(AlreadyDecided):
        decide(project, anna)
    assert drive(project).state == "running"

    assert decide(project, ben).state == "approved"
    assert drive(project).state == "completed"


def test_one_rejection_is_enough_and_needs_a_comment() -> None:
    project = asked("approvers: {quorum: 2}")
    anna = approver("anna")

    with pytest.raises(CommentRequired):
        decide(project, anna, Verdict.REJECT)
    decide(project, anna, Verdict.REJECT, comment="too long")

    failed = drive(project)
    assert (failed.state, failed.failure_code) == ("failed", "rejected")
    assert "too long" in failed.failure


def test_a_decided_approval_refuses_the_next() -> None:
    project = asked()
    approval = open_approval(project)
    decide(project, approver("anna"))

    with pytest.raises(ApprovalClosed, match="approved by anna"):
        approvals.decide(
            approval_id=approval.pk, user=approver("ben"), verdict=Verdict.REJECT, comment="no", via="test"
        )


def test_what_was_not_seen_cannot_be_decided() -> None:
    project = asked()

    with pytest.raises(EvidenceChanged):
        decide(project, approver(), seen_digest="0" * 64)


def race(*calls: Callable[[], Any]) -> list[Any]:
    """All at once; what each returned or raised."""
    barrier, outcomes = threading.Barrier(len(calls)), [None] * len(calls)

    def run(index: int, call: Callable[[], Any]) -> None:
        try:
            barrier.wait()
            outcomes[index] = call()
        except PhasegateError as error:
            outcomes[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.mark.parametrize("attempt", range(10))
def test_of_two_people_at_once_one_decides_and_the_other_learns_so(attempt: int) -> None:
    project = asked()
    pk, anna, ben = open_approval(project).pk, approver("anna"), approver("ben")

    outcomes = race(
        lambda: approvals.decide(approval_id=pk, user=anna, verdict=Verdict.APPROVE, via="test"),
        lambda: approvals.decide(approval_id=pk, user=ben, verdict=Verdict.REJECT, comment="no", via="test"),
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Approval", "ApprovalClosed"]
    assert Decision.objects.count() == 1


def test_one_person_in_two_windows_decides_once() -> None:
    project = asked("approvers: {quorum: 2}")
    pk, anna = open_approval(project).pk, approver("anna")

    def once() -> Approval:
        return approvals.decide(approval_id=pk, user=anna, verdict=Verdict.APPROVE, via="test")

    outcomes = race(once, once)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AlreadyDecided", "Approval"]
    assert open_approval(project).approvals == 1


def overdue(project: Project) -> None:
    Approval.objects.filter(project=project).update(deadline=Now() - timedelta(seconds=1))


def test_after_the_deadline_nobody_decides_any_more() -> None:
    project = asked("deadline: 1h")
    overdue(project)

    with pytest.raises(ApprovalExpired):
        decide(project, approver())


@pytest.mark.parametrize(("on_timeout", "state"), [("reject", "failed"), ("approve", "completed")])
def test_silence_is_what_the_blueprint_says_it_is(on_timeout: str, state: str) -> None:
    project = asked(f"deadline: 1h\n                    on_timeout: {on_timeout}")
    overdue(project)

    assert recover().approvals_timed_out == 1
    assert recover().approvals_timed_out == 0
    assert drive(project).state == state
    assert Decision.objects.get().via == "deadline"


def test_silence_can_put_the_question_to_others_once() -> None:
    more = "\n                    "
    project = asked(
        f"deadline: 1h{more}approvers: {{groups: [team]}}{more}on_timeout: escalate"
        f"{more}escalate_to: {{groups: [board], deadline: 2h}}"
    )
    overdue(project)
    recover()

    with pytest.raises(NotAnApprover):
        decide(project, approver("late", "team"))
    assert open_approval(project).deadline > Approval.objects.values_list(Now(), flat=True)[0]

    overdue(project)
    recover()
    assert drive(project).failure_code == "rejected"


def test_the_clock_of_a_deadline_stands_still_in_a_pause() -> None:
    project = asked("deadline: 1h")
    operator = as_actor(person("operator", is_superuser=True))
    control.pause(project_id=project.pk, actor=operator)
    overdue(project)
    Project.objects.filter(pk=project.pk).update(directive_since=Now() - timedelta(hours=2))

    assert recover().approvals_timed_out == 0
    control.resume(project_id=project.pk, actor=operator)

    assert recover().approvals_timed_out == 0
    assert open_approval(project).deadline > Approval.objects.values_list(Now(), flat=True)[0] + timedelta(minutes=100)


def test_an_approver_may_edit_what_the_form_allows_and_the_next_phase_sees_it() -> None:
    more = "\n                    "
    project = asked(
        "form: {type: object, additionalProperties: false, properties: {headline: {type: string, maxLength: 20}}}"
        f'{more}content: {{headline: "Round ${{results.text.round}}"}}'
    )
    assert open_approval(project).content == {"headline": "Round 1"}

    with pytest.raises(PhasegateError, match="headline"):
        decide(project, approver("ben"), edits={"headline": "x" * 21})
    with pytest.raises(PhasegateError):
        decide(project, approver("eve"), edits={"other": 1})
    decide(project, approver("anna"), edits={"headline": "Better"})

    assert result(drive(project), "out") == {"headline": "Better"}


def test_a_rejection_can_send_the_phase_back_with_the_reasons() -> None:
    project = asked("on_reject: rework", "max_iterations: 2")
    anna = approver()

    decide(project, anna, Verdict.REJECT, comment="say why")
    project = drive(project)
    assert project.state == "running"
    assert result(project, "text") == {"round": 2, "because": ["say why"]}
    assert Step.objects.get(project=project, key="text", round=1).result == {"round": 1, "because": []}

    decide(project, anna, Verdict.REJECT, comment="still not")
    failed = drive(project)
    assert failed.failure_code == "rejected"
    assert "no round is left of 2" in failed.failure


def test_quality_that_is_not_met_fails_reviews_or_sends_back() -> None:
    quality = "quality: [{{name: second round, check: 'results.text.round >= 2', otherwise: {0}}}]\n"
    more = "                  max_iterations: 3"

    assert asked(gate=quality.format("fail")).failure_code == "quality_not_met"

    reworked = asked(gate=quality.format("rework") + more)
    assert result(reworked, "text")["round"] == 2
    assert open_approval(reworked).evidence[-1] == {"label": "Quality: second round", "value": "met"}

    reviewed = asked(gate=quality.format("review"))
    assert "not met" in open_approval(reviewed).evidence[-1]["value"]


def test_who_starts_a_project_may_approve_beforehand_in_their_own_name() -> None:
    owner = person("owner", is_superuser=True)
    project = asked("approvers: {quorum: 3}", auto_approve=True, actor=as_actor(owner))

    assert look(project).state == "completed"
    assert [(d.user, d.via) for d in Decision.objects.all()] == [(owner, "auto")]


def test_a_cancelled_project_takes_its_question_back() -> None:
    project = asked()
    approval = open_approval(project)
    control.cancel(project_id=project.pk, actor=as_actor(person("operator", is_superuser=True)))

    assert look(project).state == "cancelled"
    approval.refresh_from_db()
    assert approval.state == "cancelled"
    with pytest.raises(PhasegateError):
        approvals.decide(approval_id=approval.pk, user=approver(), verdict=Verdict.APPROVE, via="test")


def test_the_edits_of_two_who_saw_one_anothers_stand_side_by_side_and_fields_keep_their_order() -> None:
    more = "\n                    "
    project = asked(
        f"approvers: {{quorum: 2}}{more}"
        "form: {type: object, properties: {zeal: {type: string}, author: {type: string}}}"
        f'{more}content: {{zeal: "z", author: "a"}}'
    )
    pk, anna, ben = open_approval(project).pk, approver("anna"), approver("ben")
    assert list(open_approval(project).form["properties"]) == ["zeal", "author"]

    approvals.decide(approval_id=pk, user=anna, verdict=Verdict.APPROVE, edits={"zeal": "Z"}, via="test")
    seen = Approval.objects.get(pk=pk).content_digest
    approvals.decide(
        approval_id=pk, user=ben, verdict=Verdict.APPROVE, edits={"author": "B"}, seen_content=seen, via="test"
    )

    assert Approval.objects.get(pk=pk).content == {"zeal": "Z", "author": "B"}
