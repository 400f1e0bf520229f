"""Rework: the reasons go to the next round, rounds stand side by side, and when none is left others may be asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db.models import Q

from projects.blueprints.errors import BlueprintInvalid
from projects.errors import NotAnApprover, RoundNotFound
from projects.models import Approval, Phase, Project
from projects.models.approval import Verdict
from projects.planning.gating import ACCEPT, AGAIN, AT_THE_LIMIT
from projects.reports import render_report
from projects.services import advancing, approvals
from projects.services.recovery import recover
from projects.services.rounds import compare_rounds, rounds_of
from tests.behaviour.test_approving_a_phase import overdue
from tests.builders import agent_that, approver, drive, kinds, open_approval, project_of, result

pytestmark = pytest.mark.django_db(transaction=True)
ran: list[str] = []


@pytest.fixture(autouse=True)
def agents() -> None:
    ran.clear()
    agent_that(lambda context: {"round": context.params["round"], "because": list(context.rework)}, "writer")
    agent_that(lambda context: (ran.append(context.step_key), context.params.get("say"))[1], "echo")


def asked(gate: str = "", on_reject: str = "rework", most: int = 2) -> Project:
    return drive(
        project_of(
            f"""
            phases:
              - key: draft
                steps:
                  - {{key: text, agent: writer, params: {{round: "${{rework.round}}"}}}}
                  - {{key: fixed, agent: echo, params: {{say: same}}}}
                gate:
                  max_iterations: {most}
                  {gate}
                  approval:
                    title: Approve the draft
                    approvers: {{groups: [team]}}
                    content: {{headline: "Round ${{results.text.round}}"}}
                    form: {{type: object, properties: {{headline: {{type: string}}}}}}
                    escalate_to: {{groups: [board], deadline: 2h}}
                    deadline: 1h
                    on_timeout: escalate
                    on_reject: {on_reject}
              - key: publish
                steps:
                  - {{key: out, agent: echo, params: {{say: "${{approvals.draft}}"}}}}
            """
        )
    )


def decide(project: Project, user: Any, verdict: Verdict = Verdict.REJECT, **options: Any) -> Approval:
    options.setdefault("comment", f"no {user}")
    return approvals.decide(approval_id=open_approval(project).pk, user=user, verdict=verdict, via="test", **options)


def exhausted() -> tuple[Project, Any]:
    """A project of which the team has rejected both rounds; and somebody of the board."""
    project, anna = asked("on_exhausted: escalate"), approver("anna", "team")
    decide(project, anna, comment="say why")
    project = drive(project)
    decide(project, anna, comment="still not")
    return drive(project), approver("bea", "board")


def test_when_no_round_is_left_those_whom_it_escalates_to_are_asked() -> None:
    project, bea = exhausted()
    approval = open_approval(project)

    assert (project.state, approval.purpose, approval.groups, approval.quorum) == ("running", "limit", ["board"], 1)
    assert approval.evidence[0] == {"label": "Why it did not pass", "value": ["still not"]}
    assert "2 rounds of at most 2" in approval.description
    assert approval.content == {AT_THE_LIMIT: ACCEPT, "headline": "Round 2"}
    with pytest.raises(NotAnApprover):
        decide(project, approver("carl", "team"))
    assert approvals.decide(approval_id=approval.pk, user=bea, verdict=Verdict.APPROVE, via="test").state == "approved"


def test_accepted_as_it_is_what_comes_after_runs_once_and_with_the_content() -> None:
    project, bea = exhausted()
    decide(project, bea, Verdict.APPROVE, edits={"headline": "Good enough"})

    project = drive(project)
    advancing.advance(project.pk)
    assert project.state == "completed"
    assert ran.count("out") == 1
    assert result(project, "out") == {"headline": "Good enough"}
    assert kinds(project).count("phase.completed") == 2


def test_one_more_round_gets_every_reason_and_then_others_are_asked_again() -> None:
    project, bea = exhausted()
    decide(project, bea, Verdict.APPROVE, edits={AT_THE_LIMIT: AGAIN}, comment="try harder")

    project = drive(project)
    assert result(project, "text") == {"round": 3, "because": ["say why", "still not", "try harder"]}
    assert open_approval(project).purpose == "gate"
    decide(project, approver("dora", "team"), comment="no again")
    project = drive(project)
    assert open_approval(project).purpose == "limit"
    decide(project, bea, Verdict.APPROVE)
    assert drive(project).state == "completed"
    assert ran.count("out") == 1


def test_rejected_by_those_who_are_asked_last_the_project_fails() -> None:
    project, bea = exhausted()
    decide(project, bea, comment="stop it")

    project = drive(project)
    assert (project.state, project.failure_code) == ("failed", "rejected")
    assert "stop it" in project.failure
    assert ran.count("out") == 0


def test_silence_of_those_who_are_asked_last_is_a_no() -> None:
    project, _ = exhausted()
    overdue(project)
    recover()

    assert drive(project).state == "failed"


def test_a_choice_that_there_is_not_is_refused() -> None:
    from projects.blueprints.errors import FormInvalid

    project, bea = exhausted()
    with pytest.raises(FormInvalid):
        decide(project, bea, Verdict.APPROVE, edits={AT_THE_LIMIT: "whatever"})


def test_quality_that_asks_for_rework_without_end_escalates_too() -> None:
    project = asked(
        "quality: [{name: never, check: 'results.text.round > 9', otherwise: rework}]\n"
        "                  on_exhausted: escalate",
        on_reject="fail",
    )

    approval = open_approval(project)
    assert (approval.purpose, approval.round) == ("limit", 2)
    assert approval.evidence[0]["value"] == ["never is not met: results.text.round > 9"]


def test_what_they_saw_binds_those_who_are_asked_last_too() -> None:
    project, bea = exhausted()
    decide(project, bea, Verdict.APPROVE)
    Project.objects.filter(pk=project.pk).update(plan_version=2)

    project = drive(project)
    assert [a.state for a in Approval.objects.filter(project=project).order_by("opened_at")][-2:] == ["void", "open"]
    assert open_approval(project).purpose == "gate", "what was rejected has changed: its own people look at it again"


def test_rounds_are_counted_from_the_base_that_a_restore_sets() -> None:
    project = asked()
    Phase.objects.filter(project=project, key="draft").update(round=2, base_round=2)
    project.steps.filter(phase__key="draft").update(round=2)
    anna = approver("anna", "team")
    decide(drive(project), anna)

    project = drive(project)
    assert project.state == "running", "it is the second of two rounds, not the third"
    decide(project, anna)
    assert "no round is left of 2" in drive(project).failure


def reworked() -> Project:
    project = asked(most=3)
    decide(project, approver("anna", "team"), comment="say why")
    return drive(project)


def test_rounds_stand_side_by_side() -> None:
    phase = Phase.objects.get(project=reworked(), key="draft")
    first, second = rounds_of(phase)

    assert [(each.number, each.iteration, each.is_present) for each in (first, second)] == [
        (1, 1, False),
        (2, 2, True),
    ]
    assert first.reasons == ("say why",)
    assert [[step.state for step in each.steps] for each in (first, second)] == [["completed"] * 2] * 2
    assert [[one.state for one in each.approvals] for each in (first, second)] == [["rejected"], ["open"]]
    (text, same), (other_text, same_again) = ([step.result_sha256 for step in each.steps] for each in (first, second))
    assert (text != other_text, same == same_again, len(text)) == (True, True, 64)


def test_two_rounds_are_compared_step_by_step() -> None:
    phase = Phase.objects.get(project=reworked(), key="draft")
    text, fixed = compare_rounds(phase, 1, 2)

    assert (text.key, text.is_same) == ("text", False)
    assert ("-", '  "round": 1') in [(line.sign, line.text) for line in text.lines]
    assert ("+", '  "round": 2') in [(line.sign, line.text) for line in text.lines]
    assert (fixed.key, fixed.is_same) == ("fixed", True)
    with pytest.raises(RoundNotFound):
        compare_rounds(phase, 1, 7)


def test_the_quality_of_each_round_is_kept() -> None:
    project = asked("quality: [{name: second, check: 'results.text.round >= 2', otherwise: rework}]", most=3)

    first, second = rounds_of(Phase.objects.get(project=project, key="draft"))
    assert [first.quality[0]["met"], second.quality[0]["met"]] == [False, True]
    assert first.reasons == ("second is not met: results.text.round >= 2",)


def test_the_report_lays_rounds_side_by_side_where_there_are_several() -> None:
    once, twice = asked(), reworked()

    assert "Sent back because" not in render_report(once, "text")
    assert "say why" in render_report(twice, "text")
    [phase] = json.loads(render_report(twice, "json"))["rounds"]
    assert [each["sent_back_because"] for each in phase["rounds"]] == [["say why"], []]


@pytest.mark.parametrize(
    ("gate", "what"),
    [
        ("on_exhausted: escalate\n      approval: {title: A, on_reject: rework}", "escalate needs to know to whom"),
        (
            "on_exhausted: escalate\n      approval: {title: A, escalate_to: {groups: [board]}}",
            "nothing here is worked over",
        ),
        (
            "on_exhausted: escalate\n      approval: {title: A, on_reject: rework, escalate_to: {groups: [board]},"
            " content: {at_the_limit: 1}}",
            "field by which people choose",
        ),
        ("on_exhausted: explode", "on_exhausted"),
    ],
)
def test_an_escalation_that_cannot_happen_is_refused_when_the_blueprint_is_read(gate: str, what: str) -> None:
    with pytest.raises(BlueprintInvalid, match=what):
        project_of(
            f"""
phases:
  - key: only
    steps: [{{key: a, agent: echo}}]
    gate:
      {gate}
"""
        )


def test_an_escalation_at_the_limit_needs_no_deadline() -> None:
    project = project_of(
        """
        phases:
          - key: only
            steps: [{key: a, agent: echo}]
            gate:
              on_exhausted: escalate
              approval: {title: A, on_reject: rework, escalate_to: {groups: [board]}}
        """
    )
    gate = Phase.objects.get(Q(project=project)).gate or {}
    assert (gate["on_exhausted"], gate["max_iterations"]) == ("escalate", 3)
