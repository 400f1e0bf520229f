"""A change that is refused changes nothing, and one that is made is kept with who, when and why."""

from __future__ import annotations

import pytest

from orchestrator_site.access.errors import CapabilityMissing
from orchestrator_site.history import services as history
from orchestrator_site.history.verifying import verify_stream
from projects import errors, orchestrator
from projects.blueprints.errors import StepInvalid
from projects.models import Intervention, PlanVersion, Project
from projects.models.approval import Verdict
from projects.services import approvals, interventions
from tests.behaviour.changing_plans import CHAIN, X, change, refused
from tests.builders import approver, as_actor, claim, drive, kinds, look, open_approval, person, project_of, step
from tests.sealing import seal_everything

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("echo")]

# --- refusals change nothing


def test_a_running_step_is_not_changed_and_says_what_to_do() -> None:
    project = drive(project_of(CHAIN), steps=0)
    assert claim(step(project, "a")) is not None

    for verb, arguments in (("skip", {}), ("modify", {"agent": "x"}), ("remove", {}), ("retry", {})):
        refused(
            errors.StepHasStarted,
            "'a' is running.*Pause the project",
            lambda verb=verb, arguments=arguments: change(project, verb, "a", **arguments),
        )
    assert nothing_was_changed(project)


def test_a_completed_step_is_not_retried_and_says_what_to_do() -> None:
    project = drive(project_of(CHAIN), steps=1)

    refused(
        errors.StepNotFailed, "Restore a checkpoint from before it, or rerun", lambda: change(project, "retry", "a")
    )
    assert nothing_was_changed(project)


def test_a_project_that_is_over_is_not_changed() -> None:
    done = drive(project_of(CHAIN))
    gone = project_of(CHAIN)
    orchestrator.cancel(gone)

    refused(errors.RefusedInState, "completed: its plan cannot be changed", lambda: change(done, "skip", "a"))
    refused(errors.RefusedInState, "cancelled: its plan cannot be changed", lambda: change(gone, "skip", "a"))


def test_a_step_with_mistakes_changes_nothing() -> None:
    project = drive(project_of(CHAIN), steps=1)

    with pytest.raises(StepInvalid) as refusal:
        change(project, "add", definition="key: x\nagent: echo\nparams: {say: '${results.d}'}\n", before="b")
    assert str(refusal.value).startswith("<step>:3:")
    assert "the step 'd' runs in the later phase 'two'" in str(refusal.value)
    assert nothing_was_changed(project)


def test_the_key_of_a_step_that_has_run_in_an_earlier_round_is_not_given_again() -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps: [{key: a, agent: echo}, {key: b, agent: echo}]
                gate: {approval: {title: Good?, on_reject: rework}}
              - key: two
                steps: [{key: c, agent: echo}]
            """
        )
    )
    approvals.decide(
        approval_id=open_approval(project).pk, user=approver(), verdict=Verdict.REJECT, comment="again", via="test"
    )
    drive(project, steps=0)
    change(project, "remove", "b")

    refused(
        StepInvalid,
        "the key 'b' belonged to a step that has run",
        lambda: change(project, "add", definition="{key: b, agent: echo}", phase="two"),
    )
    assert drive(project).state == "running"


def nothing_was_changed(project: Project) -> bool:
    assert look(project).plan_version == 1
    assert not Intervention.objects.exists()
    assert "project.intervened" not in kinds(project)
    return PlanVersion.objects.filter(project=project).count() == 1


# --- who, when, why


def test_every_change_is_kept_with_who_when_why_before_and_after() -> None:
    oskar = as_actor(person("oskar", groups=["operator"]))
    project = drive(project_of(CHAIN), steps=1)

    made = interventions.intervene(
        project_id=project.pk,
        actor=oskar,
        change="skip",
        step="b",
        arguments={"result": 1},
        reason="the service is down",
    )

    assert (made.author, made.reason, made.state, made.finished_at is not None) == (
        "user:oskar",
        "the service is down",
        "applied",
        True,
    )
    assert made.arguments == {"result": 1}
    plan = PlanVersion.objects.get(project=project, number=2)
    assert (plan.author, plan.reason) == ("user:oskar", "the service is down")
    event = history.events_of(project.pk).get(kind="project.intervened")
    assert (event.actor, event.subject, event.data["reason"]) == ("user:oskar", "b", "the service is down")
    assert (
        event.data["difference"]
        == made.difference
        == [
            {
                "step": "b",
                "phase": "one",
                "change": "skipped",
                "before": {"state": "ready"},
                "after": {"state": "skipped", "result": 1},
            }
        ]
    )
    assert (event.data["plan_before"], event.data["plan_after"]) == (1, 2)


@pytest.mark.parametrize("groups", [[], ["approver"], ["viewer"], ["agent"]])
def test_without_the_right_nothing_is_changed_or_shown(groups: list[str]) -> None:
    actor = as_actor(person("ugo", groups=groups))
    project = project_of(CHAIN)

    for call in (interventions.intervene, interventions.preview):
        with pytest.raises(CapabilityMissing, match=r"project\.intervene"):
            call(project_id=project.pk, actor=actor, change="skip", step="a")
    assert nothing_was_changed(project)


def test_the_right_can_be_given_in_djangos_way() -> None:
    actor = as_actor(person("ivy", may=["intervene"]))
    project = project_of(CHAIN)

    made = interventions.intervene(project_id=project.pk, actor=actor, change="skip", step="a")

    assert made.state == "applied"


def test_the_history_stays_a_chain() -> None:
    project = drive(project_of(CHAIN), steps=1)
    change(project, "add", definition=X, before="b")
    drive(project)
    seal_everything()

    found = verify_stream(project.pk)
    assert (found.ok, found.unsealed) == (True, 0)
