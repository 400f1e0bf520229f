"""What a project does by itself, from its first step to its end."""

from __future__ import annotations

from typing import Any

import pytest

from agents.errors import PermanentFailure
from projects.models import Attempt
from tests.builders import agent_that, drive, kinds, project_of, result, states, step

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: context.params.get("say"), "echo")
    agent_that(lambda context: {"items": list(range(context.params["n"]))}, "lister")
    agent_that(_broken, "broken")
    agent_that(_flaky, "flaky")


def _broken(context: Any) -> None:
    raise PermanentFailure("there is no such thing")


def _flaky(context: Any) -> dict[str, int]:
    if context.attempt < 3:
        raise ValueError(f"attempt {context.attempt} fails")
    return {"attempt": context.attempt}


def test_steps_run_in_the_order_of_their_needs_and_see_each_others_results() -> None:
    project = drive(
        project_of(
            """
            inputs: {type: object, properties: {who: {type: string, default: world}}}
            phases:
              - key: one
                steps:
                  - {key: a, agent: echo, params: {say: "${inputs.who}"}}
                  - {key: b, agent: echo, needs: [a], params: {say: "Hello, ${results.a}!"}}
              - key: two
                steps:
                  - {key: c, agent: echo, params: {say: {again: "${results.b}"}}}
            """
        )
    )

    assert project.state == "completed"
    assert result(project, "c") == {"again": "Hello, world!"}
    assert kinds(project) == [
        "project.created",
        "project.start_asked",
        "project.started",
        "phase.started",
        "step.started",
        "step.completed",
        "step.started",
        "step.completed",
        "phase.completed",
        "phase.started",
        "step.started",
        "step.completed",
        "phase.completed",
        "project.completed",
    ]


def test_a_list_becomes_one_step_an_item_and_its_results_a_list_in_order() -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: list, agent: lister, params: {n: 5}}
                  - key: each
                    agent: echo
                    needs: [list]
                    for_each: results.list.items
                    max_parallel: 2
                    params: {say: "${item * 10 + index}"}
                  - {key: sum, agent: echo, needs: [each], params: {say: "${results.each}"}}
            """
        )
    )

    assert project.state == "completed"
    assert result(project, "sum") == [0, 11, 22, 33, 44]
    assert [states(project)[f"each[{n}]"] for n in range(5)] == ["completed"] * 5


def test_an_empty_list_is_done_at_once() -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: list, agent: lister, params: {n: 0}}
                  - {key: each, agent: echo, needs: [list], for_each: results.list.items}
                  - {key: after, agent: echo, needs: [each], params: {say: "${results.each}"}}
            """
        )
    )

    assert project.state == "completed"
    assert result(project, "after") == []


def test_a_step_whose_condition_is_false_is_skipped_and_what_needs_it_runs() -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: a, agent: echo, params: {say: 1}}
                  - {key: b, agent: echo, needs: [a], when: "results.a > 1"}
                  - {key: c, agent: echo, needs: [b], params: {say: done}}
            """
        )
    )

    assert project.state == "completed"
    assert states(project) == {"a": "completed", "b": "skipped", "c": "completed"}


def test_a_step_that_fails_for_good_fails_its_project_and_says_why() -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: a, agent: broken}
                  - {key: b, agent: echo, needs: [a]}
              - key: two
                steps: [{key: c, agent: echo}]
            """
        )
    )

    assert project.state == "failed"
    assert "there is no such thing" in project.failure
    assert states(project) == {"a": "failed", "b": "cancelled", "c": "cancelled"}
    assert set(project.phases.values_list("state", flat=True)) == {"failed", "cancelled"}


def test_a_failure_may_be_passed_over() -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: a, agent: broken, on_failure: continue}
                  - {key: b, agent: echo, needs: [a], params: {say: b}}
                  - {key: c, agent: broken, on_failure: skip_dependents}
                  - {key: d, agent: echo, needs: [c]}
            """
        )
    )

    assert project.state == "completed"
    assert states(project) == {"a": "failed", "b": "completed", "c": "failed", "d": "skipped"}


def test_a_step_is_tried_again_as_its_policy_says_and_each_attempt_is_kept() -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: a, agent: flaky, retry: {max_attempts: 3, base: 0.001, jitter: none}}
            """
        )
    )

    assert project.state == "completed"
    assert result(project, "a") == {"attempt": 3}
    outcomes = Attempt.objects.filter(step__project=project).order_by("number").values_list("outcome", flat=True)
    assert list(outcomes) == ["failed", "failed", "completed"]


def test_no_attempt_more_than_the_policy_allows() -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: a, agent: flaky, retry: {max_attempts: 2, base: 0.001, jitter: none}}
            """
        )
    )

    assert project.state == "failed"
    assert step(project, "a").failures == 2
    assert "attempt 2 fails" in project.failure
    assert "all 2 attempts failed" in project.failure


def test_an_item_that_fails_fails_its_list() -> None:
    agent_that(lambda context: 1 // (context.params["n"] - 2), "divider")
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: list, agent: lister, params: {n: 5}}
                  - key: each
                    agent: divider
                    needs: [list]
                    for_each: results.list.items
                    max_parallel: 1
                    params: {n: "${item}"}
                    retry: {max_attempts: 1}
            """
        )
    )

    assert project.state == "failed"
    assert "1 of 5 items failed, the first being each[2]" in project.failure
    assert states(project)["each[4]"] == "cancelled"


def test_an_agent_that_takes_too_long_is_interrupted() -> None:
    import time

    agent_that(lambda context: time.sleep(5), "sleeper")
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps: [{key: a, agent: sleeper, timeout: 0.2, retry: {max_attempts: 1}}]
            """
        )
    )

    assert project.state == "failed"
    assert step(project, "a").error["code"] == "agent_timed_out"
    assert list(Attempt.objects.values_list("outcome", flat=True)) == ["timed_out"]


def test_a_result_that_json_cannot_hold_fails_the_step_with_a_reason() -> None:
    agent_that(lambda context: {1, 2}, "setter")
    project = drive(project_of("phases: [{key: one, steps: [{key: a, agent: setter}]}]"))

    assert project.state == "failed"
    assert "returned what JSON cannot hold" in project.failure


def test_an_agent_that_does_not_exist_fails_the_step_and_names_those_that_are_near() -> None:
    project = drive(project_of("phases: [{key: one, steps: [{key: a, agent: ecko}]}]"))

    assert project.state == "failed"
    assert "Did you mean 'echo'" in project.failure


def test_an_asynchronous_agent_runs_too() -> None:
    async def later(context: Any) -> str:
        return "later"

    agent_that(later, "later", queue="io")
    project = drive(project_of("phases: [{key: one, steps: [{key: a, agent: later}]}]"))

    assert result(project, "a") == "later"
