"""Previews: what a control would do, by the code that does it; and a digest that a project that changed refuses."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from orchestrator_site.access.actors import system_actor
from orchestrator_site.access.errors import CapabilityMissing
from projects import errors, orchestrator
from projects.models import Intervention, Project
from projects.services import control, previews
from tests.builders import (
    agent_that,
    as_actor,
    claim,
    drive,
    kinds,
    look,
    open_approval,
    person,
    project_of,
    states,
    step,
)

pytestmark = pytest.mark.django_db(transaction=True)

GATED = """
phases:
  - key: one
    steps:
      - {key: a, agent: echo}
      - {key: b, agent: echo, needs: [a]}
    gate: {approval: {title: Go on?}}
  - key: two
    steps:
      - {key: c, agent: echo}
      - {key: d, agent: echo, needs: [c], params: {say: "${results.c}"}}
"""


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(spend, "echo")


def spend(context: Any) -> str:
    context.record_usage(100, 20, 0.25)
    return "done"


def look_at(project: Project, change: str, step: str = "", **arguments: Any) -> previews.Preview:
    return orchestrator.preview_intervention(project, change, step, **arguments)


def test_a_preview_changes_nothing_and_tells_what_would_change() -> None:
    project = drive(project_of(GATED))
    before = kinds(project)

    preview = look_at(project, "add", definition="{key: x, agent: echo}", before="d")

    assert (preview.control, preview.step, preview.plan_before, preview.plan_after) == ("add", "x", 1, 2)
    assert (preview.added, preview.changed, preview.voided, preview.revived) == (("x",), ("d",), (), ())
    assert [each.title for each in preview.lapsing] == ["Go on?"]
    assert preview.lapsing[0].id == str(open_approval(project).pk)
    assert (kinds(project), look(project).plan_version, Intervention.objects.count()) == (before, 1, 0)


def test_a_preview_is_what_is_then_done() -> None:
    project = drive(project_of(GATED))
    preview = look_at(project, "skip", "c", result="x")
    made = orchestrator.intervene(project, "skip", "c", result="x", preview_digest=preview.digest)

    assert made.preview_digest == preview.digest
    assert made.difference == preview.to_json()["difference"]
    assert made.plan_after == preview.plan_after


def test_what_was_spent_on_a_failed_step_and_what_stays_done_of_it_is_told() -> None:
    def some(context: Any) -> int:
        context.record_usage(100, 20, 0.25)
        if context.params["n"] == 2:
            raise ValueError("no")
        return 1

    agent_that(some, "some")
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: a, agent: echo}
                  - key: many
                    agent: some
                    needs: [a]
                    for_each: "[1, 2, 3]"
                    params: {n: "${item}"}
                    retry: {max_attempts: 1}
            """
        )
    )

    preview = look_at(project, "retry", "many")

    done = sum(each.attempts for each in preview.effects)
    assert [(each.step, each.agent) for each in preview.effects] == [("many", "some")]
    assert preview.spent.attempts == done + 1
    spent = done + 1  # the attempt that failed has used as much
    assert (preview.spent.tokens_in, preview.spent.cost) == (100 * spent, Decimal("0.25") * spent)
    assert preview.revives_project


def test_without_a_stand_in_who_reads_the_result_is_named() -> None:
    project = drive(project_of(GATED))

    assert "results.c is null, and it is read by step 'd' (params.say)" in look_at(project, "skip", "c").warnings[0]
    assert look_at(project, "skip", "c", result="x").warnings == ()


def test_a_refusal_is_told_by_the_preview_already() -> None:
    project = drive(project_of(GATED))

    with pytest.raises(errors.StepNotFailed):
        look_at(project, "retry", "a")


def test_confirming_a_preview_of_a_project_that_has_changed_since_is_a_conflict() -> None:
    project = drive(project_of(GATED))
    preview = look_at(project, "skip", "c", result="x")
    orchestrator.intervene(project, "modify", "d", timeout="9m")

    with pytest.raises(errors.ProjectChanged, match="changed since the preview"):
        orchestrator.intervene(project, "skip", "c", result="x", preview_digest=preview.digest)

    assert states(project)["c"] == "pending"
    assert (look(project).plan_version, Intervention.objects.count()) == (2, 1)
    again = look_at(project, "skip", "c", result="x")
    assert orchestrator.intervene(project, "skip", "c", result="x", preview_digest=again.digest).state == "applied"


@pytest.mark.parametrize("meanwhile", ["pause", "approval"])
def test_what_an_operator_steers_by_counts(meanwhile: str) -> None:
    project = drive(project_of(GATED), steps=2 if meanwhile == "pause" else 1)
    preview = look_at(project, "skip", "c")
    if meanwhile == "pause":
        orchestrator.pause(project)
    else:
        drive(project)

    with pytest.raises(errors.ProjectChanged):
        orchestrator.intervene(project, "skip", "c", preview_digest=preview.digest)


def test_another_stand_in_or_another_step_is_another_preview() -> None:
    project = drive(project_of(GATED))
    digest = look_at(project, "skip", "c", result="x").digest

    for step_key, stand_in in (("c", "y"), ("d", "x")):
        with pytest.raises(errors.ProjectChanged):
            orchestrator.intervene(project, "skip", step_key, result=stand_in, preview_digest=digest)


def test_that_another_step_has_ended_meanwhile_is_no_reason_to_refuse() -> None:
    project = drive(project_of(GATED), steps=0)
    preview = look_at(project, "skip", "d", result=1)
    drive(project, steps=1)

    assert orchestrator.intervene(project, "skip", "d", result=1, preview_digest=preview.digest).state == "applied"


def test_a_digest_is_the_same_for_the_same_and_no_persons() -> None:
    project = drive(project_of(GATED))
    other = as_actor(person("oskar", groups=["operator"]))

    assert look_at(project, "skip", "c").digest == look_at(project, "skip", "c", actor=other).digest


# --- cancel


def test_a_preview_of_a_cancel_tells_what_it_would_end() -> None:
    project = drive(project_of(GATED), steps=1)
    assert claim(step(project, "b")) is not None

    preview = previews.preview_cancel(project_id=project.pk, actor=system_actor())

    assert (preview.control, preview.plan_after) == ("cancel", None)
    assert (preview.voided, preview.running) == (("c", "d"), ("b",))
    assert [(each.step, each.agent, each.attempts) for each in preview.effects] == [("a", "echo", 1)]
    assert (preview.spent.attempts, preview.spent.tokens_in, preview.spent.cost) == (2, 100, Decimal("0.25"))
    assert look(project).directive == "run"


def test_a_preview_of_a_cancel_names_the_approvals_that_lapse() -> None:
    project = drive(project_of(GATED))

    assert [each.title for each in previews.of_cancel(project).lapsing] == ["Go on?"]


def test_a_cancel_is_done_only_as_it_was_seen() -> None:
    project = drive(project_of(GATED), steps=0)
    seen = previews.preview_cancel(project_id=project.pk, actor=system_actor()).digest
    drive(project, steps=1)

    with pytest.raises(errors.ProjectChanged):
        orchestrator.cancel(project, preview_digest=seen)
    assert look(project).directive == "run"

    seen = previews.preview_cancel(project_id=project.pk, actor=system_actor()).digest
    assert orchestrator.cancel(project, preview_digest=seen).state == "cancelled"


def test_a_cancel_of_what_is_over_has_no_preview() -> None:
    project = project_of(GATED)
    control.cancel(project_id=project.pk, actor=system_actor())

    with pytest.raises(errors.RefusedInState, match="nothing left to cancel"):
        previews.preview_cancel(project_id=project.pk, actor=system_actor())
    with pytest.raises(CapabilityMissing):
        previews.preview_cancel(project_id=project.pk, actor=as_actor(person("ugo")))


def test_async_code_intervenes_too() -> None:
    project = drive(project_of(GATED))

    async def skip() -> Intervention:
        preview = await orchestrator.apreview_intervention(project, "skip", "c", result=1)
        return await orchestrator.aintervene(project, "skip", "c", result=1, preview_digest=preview.digest)

    assert async_to_sync(skip)().state == "applied"
