"""Steps of kind approval: a question beside steps that go on; what was approved is the result."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from orchestrator_site.access.actors import system_actor
from orchestrator_site.errors import PhasegateError
from projects import sql
from projects.blueprints.errors import FormInvalid
from projects.errors import AlreadyDecided, ApprovalClosed, CommentRequired, NotAnApprover, RefusedInState
from projects.models import Approval, Decision, Project, Timer
from projects.models.approval import Purpose, Verdict
from projects.services import approvals, control, timers
from projects.services.recovery import recover
from tests.builders import agent_that, approver, drive, kinds, later, look, person, project_of, result, states, step

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: context.params.get("say"), "echo")


def asking(approval: str = "", more: str = "", **options: Any) -> Project:
    """A project that asks in the middle, beside a step that needs no answer."""
    return drive(
        project_of(
            f"""
            phases:
              - key: one
                steps:
                  - {{key: text, agent: echo, params: {{say: hello}}}}
                  - key: consent
                    kind: approval
                    needs: [text]
                    {more}
                    approval:
                      title: "May we say ${{results.text}}?"
                      content: {{words: "${{results.text}}"}}
                      evidence: {{Text: "${{results.text}}"}}
                      {approval}
                  - {{key: beside, agent: echo, needs: [text], params: {{say: beside}}}}
                  - {{key: after, agent: echo, needs: [consent], params: {{say: "${{results.consent}}"}}}}
            """,
            **options,
        )
    )


def asked(project: Project) -> Approval:
    return Approval.objects.get(project=project, state="open")


def decide(project: Project, user: Any, *, approve: bool = True, comment: str = "", **options: Any) -> Approval:
    verdict = Verdict.APPROVE if approve else Verdict.REJECT
    approval = asked(project)
    return approvals.decide(approval_id=approval.pk, user=user, verdict=verdict, comment=comment, via="test", **options)


def test_a_step_asks_people_while_others_go_on() -> None:
    project = asking()

    assert states(project) == {"text": "completed", "consent": "waiting", "beside": "completed", "after": "pending"}
    approval = asked(project)
    assert (approval.purpose, approval.step, approval.title) == (
        Purpose.STEP,
        step(project, "consent"),
        "May we say hello?",
    )
    assert approval.evidence == [{"label": "Text", "value": "hello"}]
    assert kinds(project).count("approval.opened") == 1


def test_what_was_approved_is_the_result_with_who_and_why() -> None:
    project = asking(
        "approvers: {quorum: 2}\n"
        "                      form: {type: object, properties: {words: {type: string, maxLength: 9}}}"
    )
    with pytest.raises(FormInvalid):
        decide(project, approver("eve"), edits={"words": "much too long"})
    decide(project, approver("anna"), comment="fine", edits={"words": "hi"})
    assert states(drive(project))["consent"] == "waiting"
    decide(project, approver("ben"), seen_content=asked(project).content_digest)

    assert drive(project).state == "completed"
    assert result(project, "consent") == {
        "approved": True, "content": {"words": "hi"}, "by": ["anna", "ben"], "comments": ["fine"],
    }  # fmt: skip
    assert result(project, "after") == result(project, "consent")


def test_a_rejection_fails_the_step_with_the_reason() -> None:
    project = asking()
    with pytest.raises(CommentRequired):
        decide(project, approver("eve"), approve=False)
    decide(project, approver("anna"), approve=False, comment="Too short.")

    assert drive(project).state == "failed"
    error = step(project, "consent").error
    assert error == {"code": "rejected", "message": "'May we say hello?' was rejected by anna: Too short."}
    assert states(project)["after"] == "cancelled"


def test_what_follows_a_rejection_is_what_the_step_says() -> None:
    project = asking(more="on_failure: continue")
    decide(project, approver("anna"), approve=False, comment="No.")

    assert drive(project).state == "completed"
    assert result(project, "after") is None


def test_only_those_who_may_decide_do_and_once() -> None:
    project = asking("approvers: {groups: [legal]}")
    with pytest.raises(NotAnApprover):
        decide(project, approver("stranger"))
    lawyer = approver("laura", "legal")
    pk = asked(project).pk
    decide(project, lawyer)
    with pytest.raises(AlreadyDecided):
        approvals.decide(approval_id=pk, user=lawyer, verdict=Verdict.APPROVE, via="test")
    with pytest.raises(ApprovalClosed):
        approvals.decide(approval_id=pk, user=approver("late", "legal"), verdict=Verdict.APPROVE, via="test")


@pytest.mark.parametrize(("on_timeout", "state"), [("reject", "failed"), ("approve", "completed")])
def test_silence_is_what_the_blueprint_says_it_is(on_timeout: str, state: str) -> None:
    project = asking(f"deadline: 1h\n                      on_timeout: {on_timeout}")
    later(project, 3599)
    assert states(drive(project))["consent"] == "waiting"

    later(project, 1)

    assert drive(project).state == state
    assert Decision.objects.get().via == "deadline"
    if state == "completed":
        assert result(project, "consent")["by"] == ["deadline"]
    assert not Timer.objects.exists()


def test_silence_can_put_the_question_to_others_and_the_timer_goes_with_it() -> None:
    pad = "\n                      "
    project = asking(
        f"deadline: 1h{pad}approvers: {{groups: [team]}}{pad}on_timeout: escalate{pad}"
        "escalate_to: {groups: [board], deadline: 2h}"
    )
    later(project, 3600)
    approval = asked(project)
    assert approval.groups == ["board"]
    assert Timer.objects.get().due_at == approval.deadline

    later(project, 7200)
    assert drive(project).state == "failed"
    assert not Timer.objects.exists()


def test_an_escalation_without_an_end_leaves_no_timer() -> None:
    pad = "\n                      "
    project = asking(f"deadline: 1h{pad}on_timeout: escalate{pad}escalate_to: {{groups: [board]}}")
    later(project, 3600)

    assert asked(project).deadline is None
    assert not Timer.objects.exists()


def test_a_project_that_was_approved_beforehand_does_not_wait() -> None:
    from tests.builders import as_actor

    olga = as_actor(person("olga"))
    project = asking("deadline: 1h", actor=olga, auto_approve=True)

    assert project.state == "completed"
    assert result(project, "consent")["by"] == ["olga"]
    assert not Timer.objects.exists()


def test_a_cancelled_project_asks_nobody_any_more() -> None:
    project = asking("deadline: 1h")
    control.cancel(project_id=project.pk, actor=system_actor())

    assert look(project).state == "cancelled"
    assert states(project)["consent"] == "cancelled"
    assert Approval.objects.get().state == "cancelled"
    assert not Timer.objects.exists()


def test_a_step_that_failed_beside_withdraws_the_question() -> None:
    agent_that(lambda context: 1 / 0, "broken")
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: consent, kind: approval, approval: {title: May we?}}
                  - {key: broken, agent: broken, retry: {max_attempts: 1}}
            """
        )
    )

    assert project.state == "failed"
    assert Approval.objects.get().state == "cancelled"
    assert "approval.cancelled" in kinds(project)


def test_several_questions_at_once_are_named_by_whoever_decides() -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - key: each
                    kind: approval
                    for_each: "['red', 'blue']"
                    approval: {title: "Paint it ${item}?", content: {n: "${index}"}}
            """
        )
    )
    with pytest.raises(RefusedInState, match="waits for 2 approvals"):
        approvals.open_approval_of(project)

    for approval in Approval.objects.open():
        approvals.decide(approval_id=approval.pk, user=approver(approval.title), verdict=Verdict.APPROVE, via="test")
    assert drive(project).state == "completed"
    assert [result(project, f"each[{n}]")["content"] for n in (0, 1)] == [{"n": 0}, {"n": 1}]


def test_an_approval_in_a_step_is_not_that_of_the_gate() -> None:
    """Both are of one phase: ``approvals.PHASE`` reads the gate's, and the gate waits for its own."""
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: consent, kind: approval, approval: {title: In the middle, content: {x: step}}}
                gate: {approval: {title: At the end, content: {x: gate}}}
              - key: two
                steps:
                  - {key: say, agent: echo, params: {say: "${approvals.one.x}"}}
            """
        )
    )
    decide(project, approver("anna"))
    drive(project)
    assert asked(project).title == "At the end"
    decide(project, approver("ben"))

    assert drive(project).state == "completed"
    assert result(project, "say") == "gate"


def test_what_cannot_be_asked_fails_the_step() -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: text, agent: echo}
                  - {key: consent, kind: approval, needs: [text], approval: {title: "${results.text.words}"}}
            """
        )
    )
    assert project.state == "failed"
    assert "results.text is null" in step(project, "consent").error["message"]
    assert not Approval.objects.exists()


def test_an_approval_that_became_void_is_asked_again() -> None:
    project = asking()
    first = asked(project)
    Approval.objects.filter(pk=first.pk).update(state="void", finished_at=Now())
    recover()

    assert asked(project).pk != first.pk
    assert states(project)["consent"] == "waiting"


# --- the deadline and a person at once


def test_the_timer_agrees_with_the_deadline_that_is_shown() -> None:
    project = asking("deadline: 1h")
    approval = asked(project)
    assert Timer.objects.get(approval=approval).due_at == approval.deadline

    decide(project, approver("anna"))
    assert not Timer.objects.exists()


def test_recovery_sets_right_a_timer_that_is_missing_or_disagrees() -> None:
    """As after an upgrade from a version that had none."""
    project = asking("deadline: 1h")
    approval = asked(project)
    for wrong in ("missing", "other"):
        if wrong == "missing":
            Timer.objects.all().delete()
        else:
            Timer.objects.update(due_at="2100-01-01T00:00Z")
        recover()
        assert Timer.objects.get().due_at == approval.deadline


def _decides(approval: Approval, user: Any, outcomes: dict[str, Any]) -> None:
    try:
        decided = approvals.decide(approval_id=approval.pk, user=user, verdict=Verdict.APPROVE, via="test")
        outcomes["person"] = decided.state
    except PhasegateError as error:
        outcomes["person"] = type(error).__name__


def _in_thread(call: Callable[[], Any]) -> threading.Thread:
    def run() -> None:
        call()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_person_who_is_deciding_when_the_deadline_fires_is_waited_for_and_wins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The person holds the approval and then wants its timer gone; the timer is held, and waits for the approval."""
    project = asking("deadline: 1h")
    approval, anna, outcomes = asked(project), approver("anna"), {}
    in_the_middle, go_on = threading.Event(), threading.Event()
    create = Decision.objects.create

    def slowly(**fields: Any) -> Decision:
        in_the_middle.set()
        assert go_on.wait(10)
        return create(**fields)

    monkeypatch.setattr(Decision.objects, "create", slowly)

    def fires() -> None:
        outcomes["timer"] = timers.fire_due().approvals

    def decides() -> None:
        # Only now, and not with the project: time to find the approval open is all that the person needs.
        Approval.objects.filter(pk=approval.pk).update(deadline=Now() + timedelta(seconds=2))
        Timer.objects.agree_with_approval(approval.pk)
        _decides(approval, anna, outcomes)

    one = _in_thread(decides)
    assert in_the_middle.wait(10)
    while not sql.rows("due_deadlines", limit=1):
        time.sleep(0.02)
    two = _in_thread(fires)
    two.join(0.5)
    waited = two.is_alive()
    go_on.set()
    one.join(10)
    two.join(10)

    assert waited, "the deadline has not waited for the person: the test proves nothing"
    assert outcomes == {"person": "approved", "timer": 0}
    assert Decision.objects.count() == 1
    assert not Timer.objects.exists()
    assert drive(project).state == "completed"


def test_a_person_who_decides_while_the_deadline_fires_comes_too_late() -> None:
    project = asking("deadline: 1h")
    approval, anna, outcomes = asked(project), approver("anna"), {}
    Approval.objects.update(deadline="2000-01-01T00:00Z")
    Timer.objects.update(due_at="2000-01-01T00:00Z")
    inside, go_on = threading.Event(), threading.Event()

    def fires_slowly() -> None:
        with transaction.atomic():
            outcomes["timer"] = timers.fire_due().approvals
            inside.set()
            go_on.wait(10)

    one = _in_thread(fires_slowly)
    assert inside.wait(10)
    two = _in_thread(lambda: _decides(approval, anna, outcomes))
    two.join(0.3)
    go_on.set()
    one.join(10)
    two.join(10)

    assert outcomes["timer"] == 1
    assert outcomes["person"] in ("ApprovalClosed", "ApprovalExpired")
    assert Decision.objects.get().via == "deadline"
    assert drive(project).state == "failed"
