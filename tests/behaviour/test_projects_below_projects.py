"""Steps of kind project: a child is made once, and its end is the step's."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from orchestrator_site.access.actors import system_actor
from projects.blueprints.load import load_text
from projects.errors import BlueprintEndless
from projects.models import Approval, Phase, Project, Step
from projects.services import advancing, control, publishing
from projects.services.recovery import recover
from projects.services.registration import register_blueprint
from tests.builders import (
    agent_that,
    as_actor,
    blueprint_of,
    child_of,
    drive,
    kinds,
    look,
    person,
    project_of,
    result,
    states,
    step,
)

pytestmark = pytest.mark.django_db(transaction=True)

CHILD = """
name: child
version: 1
title: A child
inputs: {type: object, properties: {n: {type: integer}}, required: [n]}
phases:
  - key: first
    steps: [{key: early, agent: echo, params: {say: early}}]
  - key: last
    steps:
      - {key: twice, agent: echo, params: {say: "${inputs.n * 2}"}}
      - {key: list, agent: echo, for_each: "[1, 2]", params: {say: "${item}"}}
      - {key: never, agent: echo, when: "false"}
"""


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: context.params.get("say"), "echo")
    agent_that(lambda context: 1 / 0, "broken")
    blueprint_of(CHILD)


def parent_of(child: str, more: str = "", **options: Any) -> Project:
    return drive(
        project_of(
            f"""
            inputs: {{type: object, properties: {{n: {{type: integer, default: 21}}}}}}
            phases:
              - key: one
                steps:
                  - {{key: below, kind: project, project: {child}{more}}}
                  - {{key: after, agent: echo, needs: [below], params: {{say: "${{results.below}}"}}}}
            """,
            **options,
        )
    )


AWAITED = '{blueprint: child, inputs: {n: "${inputs.n}"}}'


def test_a_step_starts_a_project_and_its_results_are_the_steps() -> None:
    olga = as_actor(person("olga"))
    project = parent_of(AWAITED, actor=olga, priority="high", intent="to double")
    child = child_of(project, "below")

    assert states(project) == {"below": "waiting", "after": "pending"}
    assert (child.state, child.owner, child.priority, child.intent, child.inputs) == (
        "running", project.owner, project.priority, "to double", {"n": 21},
    )  # fmt: skip

    assert drive(child).state == "completed"
    assert drive(project).state == "completed"
    assert result(project, "below") == {
        "id": str(child.pk), "state": "completed", "results": {"twice": 42, "list": [1, 2]},
    }  # fmt: skip
    assert "step.child_started" in kinds(project)
    assert kinds(child)[0] == "project.created"


def test_the_end_of_a_child_wakes_the_project_above(monkeypatch: pytest.MonkeyPatch) -> None:
    project = parent_of(AWAITED)
    woken: list[Any] = []
    monkeypatch.setattr(publishing, "wake", woken.append)
    drive(child_of(project, "below"))

    assert woken == [project.pk]


@pytest.mark.parametrize("ends", ["fails", "is cancelled"])
def test_the_end_of_a_child_that_did_not_complete_fails_the_step_with_its_reason(ends: str) -> None:
    project = parent_of(AWAITED)
    child = child_of(project, "below")
    if ends == "fails":
        agent_that(lambda context: 1 / 0, "echo")
        Step.objects.filter(project=child).update(spec={"retry": {"max_attempts": 1}})
        drive(child)
    else:
        control.cancel(project_id=child.pk, actor=system_actor())

    assert drive(project).state == "failed"
    error = step(project, "below").error
    assert error["code"] == ("child_failed" if ends == "fails" else "child_cancelled")
    assert str(child.pk) in error["message"]
    if ends == "fails":
        assert "division by zero" in error["message"]


def test_one_that_is_not_awaited_goes_on_by_itself() -> None:
    project = parent_of("{blueprint: child, inputs: {n: 1}, awaited: false}")
    child = child_of(project, "below")

    assert look(project).state == "completed"
    assert result(project, "below") == {"id": str(child.pk), "state": "running"}
    assert drive(child).state == "completed"
    assert look(project).state == "completed"


@pytest.mark.parametrize(
    ("child", "code", "why"),
    [
        ("{blueprint: nowhere}", "blueprint_not_found", "There is no blueprint 'nowhere'"),
        ("{blueprint: child@7}", "blueprint_not_found", "child@7"),
        ("{blueprint: child}", "inputs_invalid", "n"),
        ('{blueprint: child, inputs: {n: "${inputs.n / 0}"}}', "expression_failed", "inputs.n / 0"),
    ],
)
def test_a_child_that_cannot_be_made_fails_the_step_and_leaves_nothing(child: str, code: str, why: str) -> None:
    project = parent_of(child)

    assert project.state == "failed"
    assert step(project, "below").error["code"] == code
    assert why in step(project, "below").error["message"]
    assert Project.objects.count() == 1


@pytest.mark.usefixtures("by_messages")
def test_a_crash_in_between_never_makes_two() -> None:
    project = project_of(
        "phases: [{key: one, steps: [{key: below, kind: project, project: {blueprint: child, inputs: {n: 1}}}]}]"
    )
    with transaction.atomic():
        advancing.advance(project.pk)
        transaction.set_rollback(True)  # the process dies before its commit
    assert Project.objects.count() == 1
    assert states(project) == {"below": "pending"}

    recover()
    recover()
    assert Project.objects.count() == 2
    assert child_of(project, "below").key == f"step:{step(project, 'below').pk}"


@pytest.mark.usefixtures("by_messages")
def test_somebody_elses_key_is_not_in_the_way() -> None:
    project = project_of(
        "phases: [{key: one, steps: [{key: below, kind: project, project: {blueprint: child, inputs: {n: 1}}}]}]"
    )
    squatter = project_of("phases: [{key: one, steps: [{key: a, agent: echo}]}]", started=False)
    Project.objects.filter(pk=squatter.pk).update(key=f"step:{step(project, 'below').pk}")
    drive(project)

    assert child_of(project, "below").key == f"step:{step(project, 'below').pk}:2"


def test_a_step_that_is_tried_again_by_an_operator_has_a_new_child() -> None:
    project = parent_of(AWAITED, ", on_failure: continue")
    first = child_of(project, "below")
    control.cancel(project_id=first.pk, actor=system_actor())
    advancing.advance(project.pk)
    assert step(project, "below").state == "failed"

    # as an intervention does it
    Step.objects.filter(project=project, key="below").update(state="pending", finished_at=None, error=None)
    advancing.advance(project.pk)

    second = child_of(project, "below")
    assert second.pk != first.pk
    assert second.key == f"{first.key}:2"
    assert look(first).parent_step is None
    assert drive(second).state == "completed"


def test_a_project_for_each_item_a_window_of_them_at_a_time() -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - key: each
                    kind: project
                    for_each: "[1, 2, 3]"
                    max_parallel: 2
                    project: {blueprint: child, inputs: {n: "${item}"}}
                  - {key: after, agent: echo, needs: [each], params: {say: "${results.each}"}}
            """
        )
    )
    assert Project.objects.filter(parent_step__project=project).count() == 2

    for _ in range(3):
        for child in Project.objects.live().filter(parent_step__project=project):
            drive(child)
        drive(project)
    assert look(project).state == "completed"
    assert [each["results"]["twice"] for each in result(project, "after")] == [2, 4, 6]


@pytest.mark.usefixtures("by_messages")
def test_a_long_list_of_projects_that_nobody_awaits_is_not_one_transaction() -> None:
    project = project_of(
        """
        phases:
          - key: one
            steps:
              - key: each
                kind: project
                for_each: "[1, 2, 3, 4, 5]"
                max_parallel: 2
                project: {blueprint: child, inputs: {n: "${item}"}, awaited: false}
        """
    )
    made = []
    for _ in range(3):
        advancing.advance(project.pk)
        made.append(Project.objects.filter(parent_step__project=project).count())

    assert made == [2, 4, 5]
    assert look(project).state == "completed"


@pytest.mark.usefixtures("by_messages")
def test_what_is_left_of_a_list_after_a_crash_recovery_begins() -> None:
    project = project_of(
        """
        phases:
          - key: one
            steps:
              - key: each
                kind: project
                for_each: "[1, 2, 3]"
                max_parallel: 1
                project: {blueprint: child, inputs: {n: "${item}"}, awaited: false}
        """
    )
    for made in (1, 2, 3):
        recover()
        assert Project.objects.filter(parent_step__project=project).count() == made


def test_projects_below_one_another_end_at_a_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestrator_site.conf import conf

    monkeypatch.setenv("PHASEGATE_CHILD_DEPTH", "3")
    conf.cache_clear()
    try:
        blueprint_of(
            """
            name: deeper
            version: 1
            title: One below another
            inputs: {type: object, properties: {go: {type: boolean, default: true}}}
            phases:
              - key: one
                steps:
                  - {key: below, kind: project, when: inputs.go, project: {blueprint: deeper}}
            """
        )
        project = drive(
            project_of("phases: [{key: one, steps: [{key: below, kind: project, project: {blueprint: deeper}}]}]")
        )
        for _ in range(6):
            for each in Project.objects.live().order_by("pk"):
                advancing.advance(each.pk)
    finally:
        monkeypatch.undo()
        conf.cache_clear()

    assert look(project).state == "failed"
    assert Project.objects.count() == 4  # three stand above the last
    assert "starting itself without end" in look(project).failure


def test_a_blueprint_that_starts_itself_without_end_is_refused() -> None:
    def starts(name: str, other: str, more: str = "") -> str:
        return (
            f"name: {name}\nversion: 1\ntitle: T\nphases:\n  - key: one\n    steps:\n"
            f"      - {{key: below, kind: project, project: {{blueprint: {other}}}{more}}}\n"
        )

    blueprint_of(starts("ping", "pong"))
    with pytest.raises(BlueprintEndless, match="pong starts ping@1 starts pong"):
        register_blueprint(loaded=load_text(starts("pong", "ping@1")))
    register_blueprint(loaded=load_text(starts("pong", "ping", ', when: "size(intent) > 9"')))


def test_what_was_approved_beforehand_above_is_so_below() -> None:
    blueprint_of(
        """
        name: asks
        version: 1
        title: Asks
        phases: [{key: one, steps: [{key: consent, kind: approval, approval: {title: May we?}}]}]
        """
    )
    olga = as_actor(person("olga"))
    project = parent_of("{blueprint: asks}", actor=olga, auto_approve=True)
    child = drive(child_of(project, "below"))

    assert child.state == "completed"
    assert Approval.objects.get().decisions.get().user.username == "olga"


def test_a_project_that_fails_tells_those_below_to_end_and_does_not_wait_for_them() -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: below, kind: project, project: {blueprint: child, inputs: {n: 1}}}
                  - {key: bad, agent: broken, retry: {max_attempts: 1}}
            """
        )
    )

    assert project.state == "failed"
    assert states(project)["below"] == "cancelled"
    child = child_of(project, "below")
    assert child.directive == "cancel"
    advancing.advance(child.pk)
    assert look(child).state == "cancelled"
    assert not Phase.objects.filter(project=child, state="running").exists()
