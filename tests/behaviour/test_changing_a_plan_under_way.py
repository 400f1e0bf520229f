"""A change reaches what is under way: a leg runs by the plan as it is now, and a gate that is asked is asked again."""

from __future__ import annotations

import pytest

from orchestrator_site.history import services as history
from projects import errors
from projects.models.approval import Verdict
from projects.services import approvals, execution
from tests.behaviour.changing_plans import CHAIN, X, change, refused
from tests.builders import agent_that, approver, drive, look, open_approval, project_of, result, states, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("echo")]

# --- a leg that is on its way does not know the new plan


def test_a_leg_on_its_way_does_not_run_past_a_step_that_was_put_between() -> None:
    project = drive(project_of(CHAIN), steps=0)
    leg = [step(project, key).pk for key in "abc"]
    agent_that(
        lambda context: context.step_key != "a" or bool(change(project, "add", definition=X, before="b")), "echo"
    )

    execution.run_leg(project.pk, leg)

    assert states(project) == {"a": "completed", "x": "pending", "b": "pending", "c": "pending", "d": "pending"}
    assert drive(project).state == "completed"
    started = [event.subject for event in history.events_of(project.pk).filter(kind="step.started").order_by("id")]
    assert started == ["a", "x", "b", "c", "d"]


@pytest.mark.parametrize("verb", ["remove", "skip"])
def test_a_leg_on_its_way_runs_no_step_that_was_taken_out(verb: str) -> None:
    plain = "phases: [{key: one, steps: [{key: a, agent: echo}, {key: b, agent: echo, needs: [a]}]}]"
    project = drive(project_of(plain), steps=0)
    leg = [step(project, key).pk for key in "ab"]
    agent_that(lambda context: bool(change(project, verb, "b")), "echo")

    execution.run_leg(project.pk, leg)

    assert states(project) == ({"a": "completed"} if verb == "remove" else {"a": "completed", "b": "skipped"})
    assert drive(project).state == "completed"


def test_a_leg_on_its_way_gives_the_next_step_what_it_is_told_now() -> None:
    project = drive(project_of(CHAIN), steps=0)
    leg = [step(project, key).pk for key in "ab"]
    agent_that(
        lambda context: (
            context.params["say"]
            if context.step_key != "a"
            else change(project, "modify", "b", params={"say": "now"}) and "a"
        ),
        "echo",
    )

    execution.run_leg(project.pk, leg)

    assert result(project, "b") == "now"


# --- the gate


@pytest.mark.usefixtures("by_messages")
def test_a_change_while_a_gate_is_asked_voids_the_question_and_it_is_asked_again() -> None:
    project = drive(project_of(CHAIN.replace("  - key: two", "    gate: {approval: {title: Go on?}}\n  - key: two")))
    asked = open_approval(project)

    change(project, "modify", "d", params={"say": "another"})
    drive(project)

    again = open_approval(project)
    asked.refresh_from_db()
    assert (asked.state, again.title, again.pk != asked.pk) == ("void", "Go on?", True)
    assert again.evidence_digest != asked.evidence_digest
    refused(
        errors.EvidenceChanged,
        "asked again",
        lambda: approvals.decide(approval_id=asked.pk, user=approver(), verdict=Verdict.APPROVE, via="test"),
    )
    approvals.decide(approval_id=again.pk, user=approver("ben"), verdict=Verdict.APPROVE, via="test")
    assert drive(project).state == "completed"
    assert result(project, "d") == "another"


def test_a_step_that_is_put_into_a_phase_that_waits_runs_before_its_gate_is_asked_again() -> None:
    project = drive(project_of(CHAIN.replace("  - key: two", "    gate: {approval: {title: Go on?}}\n  - key: two")))

    change(project, "add", definition=X, after="c")

    drive(project)
    assert states(project)["x"] == "completed"
    assert open_approval(project).phase.key == "one"


@pytest.mark.usefixtures("by_messages")
def test_a_yes_that_nothing_has_followed_from_yet_is_void_when_the_plan_changes() -> None:
    project = drive(project_of(CHAIN.replace("  - key: two", "    gate: {approval: {title: Go on?}}\n  - key: two")))
    asked = open_approval(project)
    approvals.decide(approval_id=asked.pk, user=approver(), verdict=Verdict.APPROVE, via="test")

    change(project, "add", definition=X, after="c")
    drive(project)

    asked.refresh_from_db()
    assert asked.state == "void"
    assert states(project) == {**dict.fromkeys("abcx", "completed"), "d": "pending"}
    assert open_approval(project).title == "Go on?"


@pytest.mark.usefixtures("by_messages")
def test_a_no_that_nothing_has_followed_from_yet_stands() -> None:
    project = drive(project_of(CHAIN.replace("  - key: two", "    gate: {approval: {title: Go on?}}\n  - key: two")))
    asked = open_approval(project)
    approvals.decide(approval_id=asked.pk, user=approver(), verdict=Verdict.REJECT, comment="no", via="test")

    refused(errors.RefusedInState, "has just been answered", lambda: change(project, "skip", "d"))
    assert (look(project).plan_version, drive(project).state) == (1, "failed")
