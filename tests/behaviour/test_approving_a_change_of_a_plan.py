"""``plan_changes``: a change waits until people have said yes to it, and is looked at again before it is made."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from orchestrator_site.history import services as history
from projects import orchestrator
from projects.deciding.consequences import foresee
from projects.deciding.page import page_of
from projects.errors import NotAnApprover
from projects.models import Approval, Decision, Intervention, PlanVersion, Project
from projects.models.approval import Verdict
from projects.services import advancing, approvals, interventions
from projects.services.recovery import recover
from tests.builders import agent_that, approver, as_actor, drive, kinds, look, person, project_of, result, states, step

pytestmark = pytest.mark.django_db(transaction=True)

ASKS = """
plan_changes:
  approval:
    title: May ${project.title} be changed?
    description: For ${inputs.who}
    approvers: {groups: [audit]}
    evidence: {Whose: "${inputs.who}"}
    deadline: 24h
inputs: {type: object, properties: {who: {type: string, default: you}}}
phases:
  - key: one
    steps:
      - {key: a, agent: echo}
      - {key: b, agent: echo, needs: [a]}
    gate: {approval: {title: Go on?}}
  - key: two
    steps: [{key: c, agent: echo, params: {say: "${approvals.one}"}}]
"""


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: context.params.get("say", "done"), "echo")


@pytest.fixture
def auditor() -> User:
    return approver("anna", "audit")


def asked(project: Project) -> Approval:
    return Approval.objects.get(project=project, state="open", purpose="plan")


def decide(approval: Approval, user: User, verdict: Verdict = Verdict.APPROVE, **options: Any) -> Approval:
    return approvals.decide(approval_id=approval.pk, user=user, verdict=verdict, via="test", **options)


def propose(project: Project, change: str = "skip", step: str = "b", **arguments: Any) -> Intervention:
    oskar = User.objects.filter(username="oskar").first() or person("oskar", groups=["operator"])
    return orchestrator.intervene(project, change, step, actor=as_actor(oskar), reason="it is late", **arguments)


def test_a_change_waits_for_the_approval_that_shows_it(auditor: User) -> None:
    project = drive(project_of(ASKS), steps=0)

    proposed = propose(project, result=5)

    assert (proposed.state, proposed.plan_after, proposed.finished_at) == ("proposed", None, None)
    assert (states(project)["b"], look(project).plan_version) == ("pending", 1)
    approval = asked(project)
    assert proposed.approval == approval
    assert (approval.title, approval.description, approval.groups) == (
        "May Under test be changed?",
        "For you",
        ["audit"],
    )
    shown = {each["label"]: each["value"] for each in approval.evidence}
    assert shown == {
        "Whose": "you",
        "Change": "skip b",
        "Asked by": "user:oskar",
        "Reason": "it is late",
        "Step b: skipped": {"before": {"state": "pending"}, "after": {"state": "skipped", "result": 5}},
    }
    assert approval.difference is None, "what changes is the evidence; nothing was asked before"
    assert "project.intervention_proposed" in kinds(project)


def test_it_is_made_once_people_have_approved(auditor: User) -> None:
    project = drive(project_of(ASKS), steps=0)
    proposed = propose(project, result=5)

    decide(asked(project), auditor)
    drive(project, steps=0)

    proposed.refresh_from_db()
    assert (proposed.state, proposed.plan_before, proposed.plan_after) == ("applied", 1, 2)
    assert (states(project)["b"], result(project, "b"), look(project).plan_version) == ("skipped", 5, 2)
    event = history.events_of(project.pk).get(kind="project.intervened")
    assert (event.actor, event.data["reason"]) == ("user:oskar", "it is late")
    assert PlanVersion.objects.get(project=project, number=2).author == "user:oskar"


def test_the_project_goes_on_while_a_change_of_it_is_asked(auditor: User) -> None:
    project = drive(project_of(ASKS), steps=0)
    propose(project, "modify", "c", params={"say": "changed"})

    drive(project)

    assert states(project) == {"a": "completed", "b": "completed", "c": "pending"}
    assert Approval.objects.get(project=project, state="open", purpose="gate").title == "Go on?"


def test_a_yes_to_a_change_is_no_yes_to_the_gate_of_the_phase(auditor: User) -> None:
    project = drive(project_of(ASKS))
    propose(project, "modify", "c", params={"say": "changed"})

    decide(asked(project), auditor)
    drive(project)

    assert states(project)["c"] == "pending"
    gate = Approval.objects.get(project=project, state="open")
    assert (gate.purpose, gate.title) == ("gate", "Go on?")
    decide(gate, auditor)
    assert drive(project).state == "completed"
    assert result(project, "c") == "changed"


def test_a_no_to_a_change_is_no_no_to_the_gate_of_the_phase(auditor: User) -> None:
    project = drive(project_of(ASKS))
    propose(project, "add", "", definition="{key: x, agent: echo}", after="b")
    assert asked(project).phase.key == "one"

    decide(asked(project), auditor, Verdict.REJECT, comment="not now")

    assert drive(project).state == "running"
    gate = Approval.objects.get(project=project, state="open")
    assert (gate.purpose, gate.phase.key) == ("gate", "one")


def test_what_was_approved_at_a_gate_is_not_overlaid_by_a_change(auditor: User) -> None:
    project = drive(
        project_of(ASKS.replace("{title: Go on?}", "{title: Go on?, content: {x: 1}, form: {properties: {x: {}}}}"))
    )
    propose(project, "modify", "c", timeout="9m")
    decide(asked(project), auditor)
    drive(project)
    decide(Approval.objects.get(project=project, state="open"), auditor)

    assert drive(project).state == "completed"
    assert result(project, "c") == {"x": 1}


def test_it_is_refused_where_people_say_no_and_the_project_goes_on(auditor: User) -> None:
    project = drive(project_of(ASKS), steps=0)
    proposed = propose(project)

    decide(asked(project), auditor, Verdict.REJECT, comment="not without the lawyer")
    drive(project)

    proposed.refresh_from_db()
    assert (proposed.state, proposed.refusal) == ("refused", "Rejected by anna: not without the lawyer")
    assert (look(project).state, look(project).plan_version) == ("running", 1)
    assert states(project)["b"] == "completed"
    assert history.events_of(project.pk).get(kind="project.intervention_refused").data["why"] == proposed.refusal


def test_it_is_refused_where_it_no_longer_fits_when_its_turn_comes(auditor: User) -> None:
    project = drive(project_of(ASKS), steps=0)
    proposed = propose(project)
    drive(project)

    decide(asked(project), auditor)
    advancing.advance(project.pk)

    proposed.refresh_from_db()
    assert proposed.state == "refused"
    assert "Step 'b' is completed" in proposed.refusal
    assert look(project).plan_version == 1


def test_that_a_step_became_ready_meanwhile_makes_no_other_change_of_it(auditor: User) -> None:
    project = drive(project_of(ASKS), steps=0)
    proposed = propose(project)
    drive(project, steps=1)
    assert states(project)["b"] == "ready"

    decide(asked(project), auditor)
    advancing.advance(project.pk)

    proposed.refresh_from_db()
    assert proposed.state == "applied"


def test_it_is_refused_where_it_would_be_another_change_by_then(auditor: User) -> None:
    """Two changes are asked; the first that is made changes what the second would do."""
    project = drive(project_of(ASKS), steps=0)
    first = propose(project, "modify", "c", params={"say": "one"})
    second = propose(project, "modify", "c", params={"other": 2})
    for approval in Approval.objects.filter(project=project, purpose="plan").order_by("opened_at"):
        decide(approval, auditor)

    advancing.advance(project.pk)

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("applied", "refused")
    assert "would not be the one approved" in second.refusal


def test_a_proposal_that_cannot_be_made_now_is_refused_at_once() -> None:
    project = drive(project_of(ASKS), steps=1)

    with pytest.raises(Exception, match="'a' is completed"):
        propose(project, "skip", "a")
    assert not Approval.objects.filter(purpose="plan").exists()


def test_only_those_who_are_asked_decide() -> None:
    project = drive(project_of(ASKS), steps=0)
    propose(project)

    with pytest.raises(NotAnApprover):
        decide(asked(project), approver("ben", "marketing"))


def test_a_failed_project_can_have_its_mending_approved(auditor: User) -> None:
    def fail(context: Any) -> None:
        raise ValueError("no")

    agent_that(fail, "echo")
    project = drive(project_of(ASKS.replace("key: a, agent: echo", "key: a, agent: echo, retry: {max_attempts: 1}")))
    assert project.state == "failed"
    agent_that(lambda context: 1, "echo")
    proposed = propose(project, "retry", "a")
    assert page_of(asked(project), auditor).closed_because == ""

    decide(asked(project), auditor)
    recover()

    proposed.refresh_from_db()
    assert proposed.state == "applied"
    assert drive(project).state == "running"
    assert states(project)["b"] == "completed"


def test_a_project_that_has_not_begun_can_have_its_change_approved(auditor: User) -> None:
    project = project_of(ASKS, started=False)
    propose(project)

    decide(asked(project), auditor)
    recover()

    assert (states(project)["b"], look(project).state) == ("skipped", "pending")


@pytest.mark.parametrize("end", ["cancelled", "completed"])
def test_the_end_of_the_project_ends_the_question_and_refuses_the_change(auditor: User, end: str) -> None:
    project = drive(project_of(ASKS))
    proposed = propose(project, "modify", "c", timeout="9m")
    if end == "cancelled":
        orchestrator.cancel(project)
    else:
        decide(Approval.objects.get(project=project, state="open", purpose="gate"), auditor)
        assert drive(project).state == "completed"

    recover()

    proposed.refresh_from_db()
    assert (look(project).state, proposed.state) == (end, "refused")
    assert proposed.refusal == "The project ended before anybody decided."
    assert not Approval.objects.filter(project=project, state="open").exists()


def test_at_the_deadline_it_is_refused(auditor: User) -> None:
    project = drive(project_of(ASKS), steps=0)
    proposed = propose(project)
    Approval.objects.filter(pk=asked(project).pk).update(deadline=Now() - timedelta(seconds=1))

    recover()
    recover()

    proposed.refresh_from_db()
    assert (proposed.state, look(project).plan_version) == ("refused", 1)
    assert proposed.refusal.startswith("Rejected by the deadline: Nobody decided by")


def test_a_decision_whose_message_was_lost_is_found_by_recovery(auditor: User) -> None:
    project = drive(project_of(ASKS), steps=0)
    proposed = propose(project)
    decide(asked(project), auditor)

    recover()

    proposed.refresh_from_db()
    assert proposed.state == "applied"


def test_an_answered_proposal_is_made_once_whoever_looks(auditor: User) -> None:
    project = drive(project_of(ASKS), steps=0)
    propose(project)
    decide(asked(project), auditor)

    for _ in range(3):
        interventions.settle(project.pk)
        recover()

    assert kinds(project).count("project.intervened") == 1
    assert look(project).plan_version == 2


def test_a_project_whose_approvals_were_given_beforehand_is_changed_at_once() -> None:
    olga = person("olga", groups=["operator"])
    project = drive(project_of(ASKS, actor=as_actor(olga), auto_approve=True), steps=0)

    made = propose(project)

    assert (made.state, made.plan_after) == ("applied", 2)
    assert Decision.objects.get(approval=made.approval).via == "auto"


def test_the_page_of_the_question_says_what_follows(auditor: User) -> None:
    project = drive(project_of(ASKS), steps=0)
    propose(project)

    told = foresee(asked(project), "Two")

    assert told.on_yes == "The plan is changed as shown, if it still can be."
    assert told.on_no == "The plan stays as it is, and the project goes on with it."
    assert "it counts as rejected" in told.on_silence


def test_the_preview_says_that_people_will_be_asked() -> None:
    project = drive(project_of(ASKS), steps=0)

    assert orchestrator.preview_intervention(project, "skip", "b").asks == "May Under test be changed?"


def test_a_question_about_the_plan_hides_no_project_that_nobody_looks_at(auditor: User) -> None:
    project = drive(project_of(ASKS), steps=2)
    propose(project, "modify", "c", timeout="9m")
    Approval.objects.filter(project=project, purpose="gate").delete()
    project.phases.filter(key="one").update(state="running")

    assert recover().projects_advanced == 1
    assert step(project, "c").state == "pending"
