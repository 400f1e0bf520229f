"""Every refusal of a change: its type, why, and what to do instead."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator_site.errors import PhasegateError
from projects import errors
from projects.blueprints.errors import StepInvalid
from projects.states import Directive, PhaseState, ProjectState
from tests.unit.planning.plans import change, live

STEP = "{key: x, agent: echo}"
OVER = {"standing": (PhaseState.COMPLETED, PhaseState.RUNNING)}
IN_FAILURE = {"project": ProjectState.FAILED, "standing": (PhaseState.FAILED,)}


def refused(error: type[PhasegateError], said: str, plan: Any, verb: str, step: str = "", **arguments: Any) -> None:
    with pytest.raises(error) as refusal:
        change(plan, verb, step, **arguments)
    assert type(refusal.value) is error
    assert said in str(refusal.value)


STARTED = [
    ("running", "is running. It cannot be VERB any more. Pause the project and let it end, or cancel the project."),
    ("waiting", "has begun, and waits. It cannot be VERB any more. Let it end by itself, or cancel the project."),
    ("completed", "is completed. It cannot be VERB any more. Restore a checkpoint from before it, or rerun"),
    ("cancelled", "was cancelled. It cannot be VERB any more."),
    ("skipped:condition_false", "is skipped. It cannot be VERB any more."),
]


@pytest.mark.parametrize(("standing", "said"), STARTED, ids=[standing for standing, _ in STARTED])
@pytest.mark.parametrize(
    ("verb", "done", "arguments"),
    [
        ("skip", "skipped", {}),
        ("modify", "changed", {"agent": "other"}),
        ("remove", "removed", {}),
        ("reorder", "moved", {"after": "b"}),
    ],
)
def test_a_step_that_has_started_is_not_changed(
    standing: str, said: str, verb: str, done: str, arguments: dict[str, Any]
) -> None:
    refused(errors.StepHasStarted, said.replace("VERB", done), live("a b", a=standing), verb, "a", **arguments)


def test_a_failed_step_is_mended_and_not_changed() -> None:
    failed = live("a b", extra={"a": "on_failure: continue"}, a="failed")

    for verb, arguments in (("modify", {"agent": "other"}), ("remove", {}), ("reorder", {"after": "b"})):
        refused(
            errors.StepHasStarted, "Retry it, or skip it with a stand-in result.", failed, verb, "a", **arguments
        )  # fmt: skip


@pytest.mark.parametrize(("verb", "arguments"), [("remove", {}), ("reorder", {"after": "b"})])
def test_a_step_that_was_tried_and_is_tried_again_keeps_its_row(verb: str, arguments: dict[str, Any]) -> None:
    refused(
        errors.StepHasStarted, "'a' has been tried 2 times and is to be tried", live("a b", a="ready:2"), verb, "a",
        **arguments,
    )  # fmt: skip


def test_nothing_is_put_before_what_has_started() -> None:
    for standing in ("running", "completed", "ready:1"):
        refused(
            errors.StepHasStarted, "Nothing can be put before it any more.", live("a b", a=standing), "add",
            definition=STEP, before="a",
        )  # fmt: skip


def test_nothing_is_moved_before_what_has_started() -> None:
    #   a (runs),  b
    refused(errors.StepHasStarted, "'a' is running. What it needs would change if 'b'", live("a b", a="running"),
            "reorder", "b", before="a")  # fmt: skip


NOT_FAILED = [
    ("pending", "has not failed: it is pending, and runs when its turn comes"),
    ("ready", "has not failed: it is ready"),
    ("completed", "a committed result is not computed again. Restore a checkpoint from before it, or rerun"),
]


@pytest.mark.parametrize(("standing", "said"), NOT_FAILED)
def test_only_a_failed_step_is_retried(standing: str, said: str) -> None:
    refused(errors.StepNotFailed, said, live("a", a=standing), "retry", "a")


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        ("running", "Step 'a' is running. Only a failed step is retried. Pause the project"),
        ("waiting", "has begun, and waits"),
        ("skipped:condition_false", "is skipped. Only a failed step is retried."),
    ],
)
def test_a_step_at_work_or_passed_over_is_not_retried(standing: str, said: str) -> None:
    refused(errors.StepHasStarted, said, live("a", a=standing), "retry", "a")


def test_a_cancelled_step_names_the_one_to_retry() -> None:
    #   a (failed) → b
    plan = live("a b<a", **IN_FAILURE, a="failed", b="cancelled")

    refused(errors.StepHasStarted, "It runs again when 'a', which failed, is retried or skipped.", plan, "retry", "b")


@pytest.mark.parametrize("standing", ["running", "completed", "failed", "skipped:condition_false", "ready:1"])
@pytest.mark.parametrize("verb", ["retry", "skip"])
def test_a_failure_that_others_have_gone_on_from_is_not_mended(verb: str, standing: str) -> None:
    #   a (failed, continue) → b (has gone on)
    tolerated = dict.fromkeys("ab", "on_failure: continue")
    plan = live("a b<a", extra=tolerated, a="failed", b=standing)

    refused(errors.StepHasStarted, "it has gone on without its result. Restore a checkpoint", plan, verb, "a")


@pytest.mark.parametrize("verb", ["retry", "skip"])
def test_a_failure_is_not_mended_either_where_others_went_on_behind_a_step_that_was_passed_over(verb: str) -> None:
    #   a (failed, continue) → b (passed over) → c (has run, and could read a)
    over = {"a": "failed", "b": "skipped:skipped_by_operator"}
    plan = live("a b<a c<b", extra={"a": "on_failure: continue"}, **over, c="completed")

    refused(errors.StepHasStarted, "Step 'c', which needs 'a', is completed", plan, verb, "a")


@pytest.mark.parametrize("verb", ["retry", "skip"])
def test_a_failure_that_its_phase_has_passed_is_not_mended(verb: str) -> None:
    plan = live("a", "b", **OVER, extra={"a": "on_failure: continue"}, a="failed")

    refused(errors.PhaseIsOver, "Phase 'p1' is completed: it has gone on without the step.", plan, verb, "a")


def test_nothing_is_put_into_a_phase_that_is_over() -> None:
    for where in ({"after": "a"}, {"phase": "p1"}):
        refused(errors.PhaseIsOver, "Phase 'p1' is completed: its steps cannot be changed any more. Restore",
                live("a", "b", **OVER, a="completed"), "add", definition=STEP, **where)  # fmt: skip


def test_nothing_is_put_into_a_phase_that_a_step_has_failed() -> None:
    refused(errors.PhaseIsOver, "Step 'a' has failed phase 'p1': retry it or skip it",
            live("a b", a="failed", b="running"), "add", definition=STEP, phase="p1")  # fmt: skip


@pytest.mark.parametrize("state", [ProjectState.COMPLETED, ProjectState.CANCELLED])
def test_a_project_that_is_over_is_not_changed(state: ProjectState) -> None:
    plan = live("a", project=state, standing=(PhaseState.COMPLETED,), a="completed")

    refused(errors.RefusedInState, f"The project is {state}: its plan cannot be changed", plan, "skip", "a")


def test_a_project_that_is_being_cancelled_is_not_changed() -> None:
    refused(errors.RefusedInState, "is being cancelled", live("a", directive=Directive.CANCEL), "skip", "a")


def test_in_a_failed_project_what_failed_is_mended_first() -> None:
    plan = live("a b", **IN_FAILURE, a="failed", b="cancelled")

    for verb, arguments in (("modify", {"agent": "x"}), ("remove", {}), ("reorder", {"before": "a"})):
        refused(errors.RefusedInState, "retry or skip the step that failed, 'a',", plan, verb, "b", **arguments)
    refused(errors.RefusedInState, "retry or skip", plan, "add", definition=STEP, phase="p1")


CYCLES = [
    #  a → b → c
    ("add", "", {"definition": "{key: x, agent: echo, needs: [c]}", "before": "a"}, "x -> c -> b -> a -> x"),
    ("add", "", {"definition": STEP, "after": "c", "before": "a"}, "-> x"),
    ("reorder", "b", {"after": "c", "before": "a"}, "This would make a cycle: the steps wait for one another"),
]


@pytest.mark.parametrize(("verb", "step", "arguments", "said"), CYCLES)
def test_what_would_make_a_cycle_is_refused_with_the_way_round(
    verb: str, step: str, arguments: dict[str, Any], said: str
) -> None:
    refused(errors.WouldMakeCycle, said, live("a b<a c<b"), verb, step, **arguments)


def test_a_step_that_another_needs_is_not_removed() -> None:
    #   a → b, a → c
    refused(errors.StepStillNeeded, "'a' cannot be removed: 'b', 'c' need it. Skip it with a stand-in result",
            live("a b<a c<a"), "remove", "a")  # fmt: skip


def test_a_step_whose_result_is_read_is_not_removed() -> None:
    reads = {"c": 'params: {say: "${results.b}"}'}
    plan = live("a b", "c", extra=reads, gates={"p1": "{quality: [{name: q, check: 'results.b > 1'}]}"})

    said = "is read by the gate of phase 'p1' (quality[0].check); step 'c' (params.say)."
    refused(errors.StepStillNeeded, said, plan, "remove", "b")


def test_the_last_step_of_a_phase_is_not_removed() -> None:
    refused(errors.StepStillNeeded, "phase 'p1' has no other", live("a", "b"), "remove", "a")


def test_a_move_that_would_have_something_read_too_early_is_refused() -> None:
    #   a → b, and b reads a
    plan = live("a b<a", extra={"b": 'params: {say: "${results.a}"}'})

    refused(errors.PlanWouldBreak, "step 'b' (params.say): in `results.a`, the step 'a' may not have run yet.",
            plan, "reorder", "a", after="b")  # fmt: skip
    refused(errors.PlanWouldBreak, "may not have run yet", plan, "reorder", "b", needs=[])


NOTHING = [
    ("modify", {"agent": "echo"}, "is as it would be then"),
    ("modify", {"params": {}}, "is as it would be then"),
    ("modify", {"params": {"gone": None}}, "is as it would be then"),
    ("reorder", {"before": "b", "after": "x0"}, "stands there already"),
    ("reorder", {"needs": ["x0"]}, "stands there already"),
]


@pytest.mark.parametrize(("verb", "arguments", "said"), NOTHING)
def test_what_changes_nothing_is_refused(verb: str, arguments: dict[str, Any], said: str) -> None:
    refused(errors.NothingChanges, said, live("x0 a<x0 b<a"), verb, "a", **arguments)


MISTAKES = [
    ("{key: x, agnt: echo}", "<step>:1:10: agnt: there is no key 'agnt' here. Did you mean 'agent'?"),
    ("{key: x}", "<step>:1:1: the step 'x' names no agent. Add `agent: NAME`."),
    ("{agent: echo}", "the key 'key' is missing. Write, for instance, `key: research`."),
    ("{key: Bad Key, agent: echo}", "<step>:1:7: key: 'Bad Key' is no name"),
    ("{key: a, agent: echo}", "<step>:1:7: key: the key 'a' belongs to another step already; results are found by it"),
    ("{key: old, agent: echo}", "the key 'old' belonged to a step that has run, and its results are found by it"),
    ("{key: x, agent: echo, timeout: soon}", "timeout: 'soon' is no duration. Write a number with a unit"),
    ("{key: x, agent: echo, needs: [aa]}", "<step>:1:31: needs[0]: there is no step 'aa' in this phase."),
    ("{key: x, agent: echo, needs: [c]}", "needs[0]: the step 'c' belongs to the later phase 'p2'."),
    ("{key: x, agent: echo, needs: [x]}", "needs[0]: the step 'x' needs itself."),
    ("{key: x, agent: echo, params: {say: '${results.b}'}}", "the step 'b' may not have run yet. Add 'b' to `needs`"),
    ("{key: x, agent: echo, params: {say: '${results.zz}'}}", "params.say: in `results.zz`, there is no step 'zz'."),
    ("{key: x, agent: echo, params: {say: '${inputs.whom}'}}", "there is no input 'whom'. Did you mean 'who'?"),
    ("{key: x, agent: echo, when: 'results.a >'}", "when: the expression `results.a >` cannot be used"),
    ("{key: x, agent: echo, max_parallel: 2}", "max_parallel is for steps with `for_each`."),
    ("{key: x, agent: echo, retry: {base: 2m}}", "retry: the longest wait, 60 s, is shorter than the first, 120 s."),
    ("{key: x, kind: saga, saga: s}", "is not run yet by this version"),
    ("- a\n- b", "a step is an object, and this is a list"),
    ("", "the text is empty"),
    ("{key: x, agent: [", "this is no YAML"),
    ("{key: x, agent: echo}\n---\n{}", "a second YAML document begins here"),
]


@pytest.mark.parametrize(("definition", "said"), MISTAKES, ids=[definition[:40] for definition, _ in MISTAKES])
def test_a_new_step_is_checked_as_in_a_blueprint(definition: str, said: str) -> None:
    plan = live("a b", "c", past=frozenset({"old"}))

    refused(StepInvalid, said, plan, "add", definition=definition, after="a")


def test_all_mistakes_of_a_step_are_told_at_once_in_the_order_of_their_lines() -> None:
    text = "key: x\nagent: echo\nneeds: [nobody]\nparams:\n  a: ${results.q}\n  b: ${inputs.whom}\n"

    with pytest.raises(StepInvalid) as refusal:
        change(live("a"), "add", definition=text, after="a")

    assert [(each.line, each.path) for each in refusal.value.problems] == [(3, "needs[0]")]
    with pytest.raises(StepInvalid) as refusal:
        change(live("a"), "add", definition=text.replace("nobody", ""), after="a")
    assert [(each.line, each.path) for each in refusal.value.problems] == [(5, "params.a"), (6, "params.b")]


def test_plain_values_are_told_with_their_place_alone() -> None:
    refused(StepInvalid, "agnt: there is no key 'agnt' here. Did you mean 'agent'?", live("a"), "add",
            definition={"key": "x", "agnt": "echo"}, after="a")  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"params": {"say": "${results.b}"}}, "params.say: in `results.b`, the step 'b' may not have run yet."),
        ({"params": {"say": "${results.a}"}}, "the step 'a' reads its own result"),
        ({"params": [1]}, "params: an object (key: value) is needed here, and this is a list"),
        ({"timeout": 0}, "timeout: 0.0 is too small"),
        ({"agent": "Not A Name"}, "agent: 'Not A Name' is no name"),
        ({"agent": None}, "the step 'a' names no agent"),
        ({"retry": {"max_attempts": 0}}, "retry.max_attempts: 0 is too small"),
        ({"retry": {"attempts": 2}}, "retry.attempts: there is no key 'attempts' here."),
        ({"retry": {"base": "2m"}}, "the longest wait, 60 s, is shorter than the first"),
    ],
)
def test_what_a_step_is_told_is_checked_as_in_a_blueprint(changes: dict[str, Any], said: str) -> None:
    refused(StepInvalid, said, live("a b"), "modify", "a", **changes)


@pytest.mark.parametrize(
    ("verb", "step", "arguments", "said"),
    [
        ("rename", "a", {}, "There is no change 'rename'. Did you mean 'remove'?"),
        ("x", "a", {}, "There is no change 'x'. There are: add, modify, remove, reorder, retry, skip."),
        ("retry", "", {}, "Say which step to retry."),
        ("retry", "a", {"result": 1}, "retry takes no 'result'. It takes none."),
        ("skip", "a", {"results": 1}, "skip takes no 'results'. Did you mean 'result'?"),
        ("modify", "a", {}, "Say what to change: params, agent, capability, "),
        ("modify", "a", {"when": "true"}, "modify takes no 'when'."),
        ("modify", "a", {"needs": []}, "modify takes no 'needs'."),
        ("add", "", {"after": "a"}, "Give the step to add as `definition`."),
        ("add", "", {"definition": STEP}, "Say where it is to stand"),
        ("add", "y", {"definition": STEP, "after": "a"}, "is called 'x' in its definition, and not 'y'"),
        ("add", "", {"definition": STEP, "phase": "p9"}, "There is no phase 'p9'."),
        ("add", "", {"definition": STEP, "phase": "p2", "after": "a"}, "Phase 'p2' has no step 'a'"),
        ("add", "", {"definition": STEP, "before": "c", "after": "a"}, "belong to different phases"),
        ("add", "", {"definition": STEP, "before": 3}, "`before` is the key of a step."),
        ("reorder", "a", {}, "Say where to: before or after another step"),
        ("reorder", "a", {"before": "a"}, "cannot stand before or after itself"),
        ("reorder", "a", {"before": "c"}, "steps are moved within their phase"),
        ("reorder", "a", {"needs": "b"}, "`needs` is a list of the keys of steps."),
        ("reorder", "a", {"needs": [1]}, "`needs` is a list of the keys of steps."),
    ],
)
def test_a_change_that_is_none_is_refused(verb: str, step: str, arguments: dict[str, Any], said: str) -> None:
    refused(errors.EditInvalid, said, live("a b", "c"), verb, step, **arguments)


@pytest.mark.parametrize("verb", ["retry", "skip", "remove"])
def test_a_step_that_is_not_there_is_not_found(verb: str) -> None:
    refused(errors.StepNotInPlan, "There is no step 'mraket' in the plan. Did you mean 'market'?", live("market"),
            verb, "mraket")  # fmt: skip
    refused(
        errors.StepNotInPlan, "'a[3]' is an item of 'a': items are changed with their list", live("a"), verb, "a[3]"
    )


def test_a_neighbour_or_a_need_that_is_not_there_is_not_found() -> None:
    refused(errors.StepNotInPlan, "There is no step 'z'", live("a"), "add", definition=STEP, after="z")
    refused(errors.StepNotInPlan, "There is no step 'z'", live("a b"), "reorder", "a", before="z")
    refused(StepInvalid, "needs[0]: there is no step 'z' in this phase.", live("a b"), "reorder", "a", needs=["z"])


def test_what_an_earlier_version_let_pass_stands_in_no_changes_way() -> None:
    """The plan reads what the language would refuse today; a change elsewhere is not its fault."""
    plan = live("a b c", extra={"b": 'params: {say: "${inputs.who}"}'})
    stricter = plan.blueprint.model_copy(update={"inputs": {"type": "object", "properties": {}}})
    plan = type(plan)(stricter, plan.phases, plan.steps)

    assert change(plan, "remove", "a").difference[0].change == "removed"
    assert {each.change for each in change(plan, "reorder", "c", before="a").difference} == {"moved", "changed"}
