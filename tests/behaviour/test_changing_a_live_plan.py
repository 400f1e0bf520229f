"""Interventions: what has not started is changed and what has stays, and the project goes on by its new plan."""

from __future__ import annotations

import pytest

from orchestrator_site.history import services as history
from projects import orchestrator
from projects.models import Dependency, PlanVersion, Project, Step
from projects.models.approval import Verdict
from projects.services import approvals, control
from tests.behaviour.changing_plans import CHAIN, change, fail
from tests.builders import (
    agent_that,
    approver,
    as_actor,
    claim,
    drive,
    open_approval,
    person,
    project_of,
    result,
    states,
    step,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def broken(echo: None) -> None:
    agent_that(fail, "broken")


def needs(project: Project) -> dict[str, list[str]]:
    """Who needs whom, as the rows say."""
    found: dict[str, list[str]] = {}
    edges = Dependency.objects.filter(step__project=project).order_by("id")
    for one, other in edges.values_list("step__key", "needs__key"):
        found.setdefault(one, []).append(other)
    return found


def test_a_step_that_is_put_between_two_runs_between_them() -> None:
    project = drive(project_of(CHAIN), steps=1)

    made = change(
        project, "add", definition='{key: x, agent: echo, params: {say: "${results.a} and x"}}', after="a", before="b"
    )

    assert (made.state, made.plan_before, made.plan_after, made.step_key) == ("applied", 1, 2, "x")
    assert needs(project) == {"b": ["a", "x"], "c": ["b"], "x": ["a"]}
    assert drive(project).state == "completed"
    started = [event.subject for event in history.events_of(project.pk).filter(kind="step.started").order_by("id")]
    assert started == ["a", "x", "b", "c", "d"]
    assert result(project, "x") == "from a and x"


def test_a_step_can_be_put_at_the_end_of_a_later_phase_and_read_earlier_ones() -> None:
    project = drive(project_of(CHAIN), steps=1)

    change(project, "add", definition='{key: x, agent: echo, needs: [d], params: {say: "${results.d}x"}}', phase="two")

    assert drive(project).state == "completed"
    assert result(project, "x") == "from a!?x"


def test_a_step_for_each_item_of_a_list_can_be_added() -> None:
    agent_that(lambda context: [1, 2, 3], "lister")
    project = drive(project_of("phases: [{key: one, steps: [{key: a, agent: lister}]}]"), steps=0)

    change(
        project,
        "add",
        definition={"key": "x", "agent": "echo", "for_each": "results.a", "params": {"say": "${item}"}},
        phase="one",
    )

    assert needs(project) == {"x": ["a"]}
    assert drive(project).state == "completed"
    assert [each.result for each in step(project, "x").items.order_by("position")] == [1, 2, 3]


def test_a_step_is_removed_and_the_project_goes_on_without_it() -> None:
    project = drive(project_of(CHAIN + "      - {key: e, agent: broken, needs: [d]}\n"), steps=1)

    change(project, "remove", "e")

    assert "e" not in states(project)
    assert drive(project).state == "completed"
    assert [phase["key"] for phase in PlanVersion.objects.get(project=project, number=2).plan] == ["one", "two"]


def test_the_params_the_agent_and_the_policy_of_a_step_are_changed_before_it_starts() -> None:
    agent_that(lambda context: {**context.params}, "other", queue="io")
    project = drive(project_of(CHAIN), steps=1)

    change(project, "modify", "b", params={"more": 1}, agent="other", timeout="1m", retry={"max_attempts": 1})

    changed = step(project, "b")
    assert (changed.agent, changed.pool, changed.timeout_seconds) == ("other", "io", 60)
    assert changed.spec["retry"]["max_attempts"] == 1
    drive(project)
    assert result(project, "b") == {"say": "from a!", "more": 1}


def test_a_step_between_two_attempts_keeps_them_and_goes_on_as_it_was_changed() -> None:
    project = drive(
        project_of(
            "phases: [{key: one, steps: [{key: a, agent: broken, retry: {base: 0s, jitter: none, max_attempts: 9}}]}]"
        ),
        steps=2,
    )
    before = step(project, "a")
    assert (before.state, before.attempt) == ("ready", 2)

    change(project, "modify", "a", agent="echo", params={"say": "at last"})

    assert drive(project).state == "completed"
    after = step(project, "a")
    assert (after.pk, after.attempt, after.result) == (before.pk, 3, "at last")


def test_steps_are_reordered_and_run_in_their_new_order() -> None:
    order = []
    agent_that(lambda context: order.append(context.step_key), "echo")
    plain = ", ".join(
        f"{{key: {key}, agent: echo, needs: [{need}]}}" for key, need in (("a", ""), ("b", "a"), ("c", "b"))
    )
    project = drive(project_of(f"phases: [{{key: one, steps: [{plain}]}}]"), steps=1)

    change(project, "reorder", "c", before="b")

    assert drive(project).state == "completed"
    assert order == ["a", "c", "b"]


def test_a_project_that_has_not_begun_can_be_changed() -> None:
    project = project_of(CHAIN, started=False)

    change(project, "add", definition="{key: x, agent: echo}", before="a")
    control.start(project_id=project.pk, actor=as_actor(person("olga")))

    assert drive(project).state == "completed"
    assert states(project)["x"] == "completed"


def test_a_paused_project_is_changed_and_goes_on_with_the_new_plan() -> None:
    project = drive(project_of(CHAIN), steps=1)
    orchestrator.pause(project)

    change(project, "skip", "b", result="stand-in")
    assert drive(project).directive == "pause"
    orchestrator.resume(project)

    assert drive(project).state == "completed"
    assert result(project, "c") == "stand-in?"


def test_the_rows_of_what_has_started_are_the_same_rows() -> None:
    project = drive(project_of(CHAIN), steps=1)
    claimed = claim(step(project, "b"))
    assert claimed is not None
    before = {key: step(project, key).pk for key in "ab"}

    change(project, "add", definition="{key: x, agent: echo}", after="b")

    assert {key: step(project, key).pk for key in "ab"} == before
    assert needs(project) == {"b": ["a"], "c": ["b", "x"], "x": ["b"]}


def test_a_round_of_rework_has_the_plan_as_it_was_changed() -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps: [{key: a, agent: echo}, {key: b, agent: echo, needs: [a]}]
                gate: {approval: {title: Good?, on_reject: rework}}
            """
        ),
        steps=1,
    )
    change(project, "add", definition="{key: x, agent: echo}", before="b")
    drive(project)
    anna = approver()
    approvals.decide(
        approval_id=open_approval(project).pk, user=anna, verdict=Verdict.REJECT, comment="again", via="test"
    )

    drive(project)

    again = Step.objects.filter(project=project, round=2)
    assert {each.key: each.state for each in again} == dict.fromkeys("axb", "completed")
    assert list(Dependency.objects.filter(step__in=again, step__key="b").values_list("needs__key", flat=True)) == [
        "a",
        "x",
    ]
