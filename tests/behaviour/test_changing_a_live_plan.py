"""Interventions: what has not started is changed, what has stays, what failed is mended; or nothing happens at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestrator_site.access.errors import CapabilityMissing
from orchestrator_site.errors import PhasegateError
from orchestrator_site.history import services as history
from orchestrator_site.history.sealing import seal_pending
from orchestrator_site.history.verifying import verify_stream
from projects import errors, orchestrator
from projects.blueprints.errors import StepInvalid
from projects.models import Attempt, Dependency, Intervention, Phase, PlanVersion, Project, Step
from projects.models.approval import Verdict
from projects.services import approvals, control, execution, interventions
from projects.services.contexts import idempotency_key
from projects.services.recovery import recover
from tests.builders import (
    agent_that,
    approver,
    as_actor,
    claim,
    drive,
    kinds,
    look,
    open_approval,
    person,
    project_of,
    ready_steps,
    result,
    run,
    states,
    step,
)

pytestmark = pytest.mark.django_db(transaction=True)

CHAIN = """
phases:
  - key: one
    steps:
      - {key: a, agent: echo, params: {say: from a}}
      - {key: b, agent: echo, needs: [a], params: {say: "${results.a}!"}}
      - {key: c, agent: echo, needs: [b], params: {say: "${results.b}?"}}
  - key: two
    steps:
      - {key: d, agent: echo, params: {say: "${results.c}"}}
"""


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: context.params.get("say"), "echo")
    agent_that(fail, "broken")


def fail(context: Any) -> None:
    raise ValueError("it broke")


def change(project: Project, change: str, step: str = "", **arguments: Any) -> Intervention:
    return orchestrator.intervene(project, change, step, reason="because", **arguments)


def refused(error: type[PhasegateError], said: str, call: Callable[[], Any]) -> None:
    with pytest.raises(error, match=said):
        call()


def needs(project: Project) -> dict[str, list[str]]:
    """Who needs whom, as the rows say."""
    found: dict[str, list[str]] = {}
    edges = Dependency.objects.filter(step__project=project).order_by("id")
    for one, other in edges.values_list("step__key", "needs__key"):
        found.setdefault(one, []).append(other)
    return found


# --- add, remove, modify, reorder


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


X = "{key: x, agent: echo}"


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


@pytest.mark.usefixtures("by_messages")
def test_a_lost_message_after_a_change_is_found_by_recovery() -> None:
    agent_that(fail, "sometimes")
    project = drive(project_of(BREAKS))
    change(project, "retry", "b")

    assert recover().projects_advanced == 1
    assert states(project)["b"] == "ready"


def test_the_history_stays_a_chain() -> None:
    project = drive(project_of(CHAIN), steps=1)
    change(project, "add", definition=X, before="b")
    drive(project)
    seal_pending()

    found = verify_stream(project.pk)
    assert (found.ok, found.unsealed) == (True, 0)
