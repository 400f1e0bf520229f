"""What failed is passed over or tried again, and what waits for it goes on with what it needs."""

from __future__ import annotations

from typing import Any

import pytest

from projects import errors, orchestrator
from projects.models import Attempt, Phase, Project, Step
from projects.services.contexts import idempotency_key
from projects.services.recovery import recover
from tests.behaviour.changing_plans import CHAIN, change, fail, refused
from tests.builders import agent_that, claim, drive, kinds, look, project_of, ready_steps, result, run, states, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("echo")]

# --- skip


def test_what_needs_a_step_that_was_passed_over_runs_and_reads_the_stand_in() -> None:
    project = drive(project_of(CHAIN), steps=0)

    change(project, "skip", "b", result="instead")

    assert states(project) == {"a": "ready", "b": "skipped", "c": "pending", "d": "pending"}
    assert step(project, "b").error["code"] == "skipped_by_operator"
    assert drive(project).state == "completed"
    assert result(project, "c") == "instead?"


def test_nothing_overtakes_what_a_step_that_was_passed_over_waited_for() -> None:
    project = drive(project_of(CHAIN), steps=0)
    change(project, "skip", "b", result="")
    drive(project, steps=0)

    assert [each.key for each in ready_steps(project)] == ["a"]
    assert claim(step(project, "a")) is not None
    drive(project, steps=0)
    assert states(project)["c"] == "pending"


def test_a_list_is_passed_over_with_a_list_in_its_place() -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: a, agent: echo}
                  - {key: many, agent: echo, needs: [a], for_each: "[1, 2]"}
                  - {key: c, agent: echo, needs: [many], params: {say: "${results.many}"}}
            """
        ),
        steps=0,
    )

    change(project, "skip", "many", result=[7])

    assert drive(project).state == "completed"
    assert result(project, "c") == [7]
    assert not step(project, "many").items.exists()


# --- what failed

BREAKS = CHAIN.replace("key: b, agent: echo", "key: b, agent: sometimes, retry: {max_attempts: 1}")


@pytest.fixture
def failed() -> Project:
    agent_that(fail, "sometimes")
    project = drive(project_of(BREAKS))
    assert (project.state, states(project)) == (
        "failed",
        {"a": "completed", "b": "failed", "c": "cancelled", "d": "cancelled"},
    )
    return project


def test_a_failed_project_runs_to_its_end_once_what_failed_is_retried(failed: Project) -> None:
    before = step(failed, "b")
    keys = []
    agent_that(lambda context: keys.append((context.idempotency_key, context.attempt)) or "mended", "sometimes")

    made = change(failed, "retry", "b")

    assert (look(failed).state, look(failed).failure, look(failed).failure_code) == ("running", "", "")
    assert list(Phase.objects.filter(project=failed).order_by("position").values_list("state", "failure")) == [
        ("running", ""),
        ("pending", ""),
    ]
    done = drive(failed)
    assert (done.state, states(done)) == ("completed", dict.fromkeys("abcd", "completed"))
    after = step(failed, "b")
    assert (after.pk, after.failures, after.attempt) == (before.pk, 0, 2)
    assert keys == [(idempotency_key(before.pk), 2)]
    assert list(Attempt.objects.filter(step=after).values_list("outcome", flat=True)) == ["failed", "completed"]
    assert result(failed, "d") == "mended?"
    assert [each["change"] for each in made.difference] == ["retried", "revived", "revived"]
    assert {"project.revived", "project.intervened", "project.completed"} <= set(kinds(failed))


def test_a_retry_has_all_its_attempts_again(failed: Project) -> None:
    change(failed, "retry", "b")

    assert drive(failed).state == "failed"
    assert step(failed, "b").failures == 1
    assert change(failed, "retry", "b").plan_after == 3


def test_a_failed_project_runs_to_its_end_once_what_failed_is_passed_over(failed: Project) -> None:
    change(failed, "skip", "b", result="stand-in")

    assert drive(failed).state == "completed"
    assert states(failed) == {"a": "completed", "b": "skipped", "c": "completed", "d": "completed"}
    assert result(failed, "d") == "stand-in?"


def test_where_two_steps_failed_the_project_runs_again_when_both_are_mended() -> None:
    agent_that(fail, "sometimes")
    once = "retry: {max_attempts: 1}"
    project = project_of(
        f"""
        phases:
          - key: one
            steps:
              - {{key: a, agent: sometimes, {once}}}
              - {{key: b, agent: sometimes, {once}}}
              - {{key: c, agent: echo, needs: [a, b]}}
        """
    )
    drive(project, steps=0)
    for each in ready_steps(project):
        run(each)
    assert drive(project).state == "failed"
    agent_that(lambda context: 1, "sometimes")

    assert orchestrator.preview_intervention(project, "retry", "a").still_failed == ("b",)
    change(project, "retry", "a")
    assert (look(project).state, states(project)) == ("failed", {"a": "pending", "b": "failed", "c": "cancelled"})
    change(project, "skip", "b", result=2)

    assert drive(project).state == "completed"
    assert states(project) == {"a": "completed", "b": "skipped", "c": "completed"}


def test_items_of_a_list_that_failed_run_again_and_the_others_keep_their_results() -> None:
    calls: list[int] = []

    def some(context: Any) -> int:
        calls.append(context.params["n"])
        if context.params["n"] == 2 and calls.count(2) == 1:
            raise ValueError("not the second")
        return int(context.params["n"])

    agent_that(some, "some")
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: many, agent: some, for_each: "[1, 2, 3]", params: {n: "${item}"}, retry: {max_attempts: 1}}
                  - {key: c, agent: echo, needs: [many], params: {say: "${results.many}"}}
            """
        )
    )
    assert project.state == "failed"

    change(project, "retry", "many")

    assert drive(project).state == "completed"
    assert result(project, "c") == [1, 2, 3]
    assert calls.count(1) == 1
    assert not Step.objects.filter(project=project).exclude(state="completed").exists()


def test_what_was_skipped_for_want_of_a_step_runs_after_its_retry() -> None:
    agent_that(fail, "sometimes")
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: a, agent: sometimes, on_failure: skip_dependents, retry: {max_attempts: 1}}
                  - {key: b, agent: echo, needs: [a]}
                  - {key: c, agent: echo, needs: [b]}
                  - {key: z, agent: echo}
            """
        ),
        steps=1,
    )
    assert states(project) == {"a": "failed", "b": "skipped", "c": "skipped", "z": "ready"}
    agent_that(lambda context: "fine", "sometimes")

    change(project, "retry", "a")

    assert drive(project).state == "completed"
    assert set(states(project).values()) == {"completed"}


def test_a_project_whose_gate_failed_has_nothing_to_retry() -> None:
    project = drive(
        project_of("phases: [{key: one, steps: [{key: a, agent: echo}], gate: {quality: [{name: q, check: 'false'}]}}]")
    )
    assert project.state == "failed"

    refused(errors.StepNotFailed, "committed result is not computed again", lambda: change(project, "retry", "a"))


@pytest.mark.usefixtures("by_messages")
def test_a_lost_message_after_a_change_is_found_by_recovery() -> None:
    agent_that(fail, "sometimes")
    project = drive(project_of(BREAKS))
    change(project, "retry", "b")

    assert recover().projects_advanced == 1
    assert states(project)["b"] == "ready"
