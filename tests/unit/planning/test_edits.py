"""The six changes of a live plan: the next plan, the rows, the difference; each beside the graph it begins with."""

from __future__ import annotations

import pytest

from projects.planning.liveplan import LivePlan
from projects.states import PhaseState, ProjectState
from tests.unit.planning.plans import change, drawn, lines, live, rows

FAILED = {
    "project": ProjectState.FAILED,
    "standing": (PhaseState.FAILED, PhaseState.CANCELLED),
}
STEP = "{key: x, agent: echo}"


# --- add


@pytest.mark.parametrize(
    ("graph", "where", "definition", "expected"),
    [
        # a → b → c
        ("a b<a c<b", {"before": "b"}, STEP, "a x<a b<a,x c<b"),  # a → x → b → c, and b still reads a
        ("a b<a c<b", {"before": "a"}, STEP, "x a<x b<a c<b"),
        ("a b<a c<b", {"after": "b"}, STEP, "a b<a x<b c<b,x"),
        ("a b<a c<b", {"after": "c"}, STEP, "a b<a c<b x<c"),
        ("a b<a c<b", {"after": "a", "before": "c"}, STEP, "a b<a x<b,a c<b,x"),
        ("a b<a c<b", {"phase": "p1"}, STEP, "a b<a c<b x"),
        # needs that are named stand for themselves
        ("a b<a c<b", {"before": "c"}, "{key: x, agent: echo, needs: []}", "a b<a x c<b,x"),
        ("a b<a c<b", {"phase": "p1"}, "{key: x, agent: echo, needs: [a]}", "a b<a c<b x<a"),
        # a → b, a → c: both wait for what is put after a; but not for what waits for one of them itself
        ("a b<a c<a", {"after": "a"}, STEP, "a x<a b<a,x c<a,x"),
        ("a b<a c<a", {"after": "a"}, "{key: x, agent: echo, needs: [b]}", "a x<b,a b<a c<a,x"),
        # two roots
        ("a b", {"after": "a"}, STEP, "a x<a b"),
        ("a b", {"before": "b"}, STEP, "a x b<x"),
        # what a list is made of is needed without being named
        ("a b", {"phase": "p1"}, "{key: x, agent: echo, for_each: results.a.list}", "a b x<a"),
    ],
)
def test_a_step_is_put_where_it_is_said(graph: str, where: dict[str, str], definition: str, expected: str) -> None:
    assert drawn(change(live(graph), "add", definition=definition, **where)) == expected


def test_a_new_step_gets_a_row_and_those_that_wait_for_it_get_new_ones() -> None:
    outcome = change(live("a b<a c<b", a="running"), "add", definition=STEP, before="b")

    assert rows(outcome) == {"x": "insert", "b": "replace", "c": "place"}
    assert lines(outcome) == {
        "x": ("added", None, {"agent": "echo", "needs": ["a"]}),
        "b": ("changed", {"needs": ["a"]}, {"needs": ["a", "x"]}),
    }


def test_what_has_started_does_not_wait_for_a_step_that_is_put_before_it() -> None:
    #     ┌→ b (runs)
    #   a ┤
    #     └→ c
    outcome = change(live("a b<a c<a", a="completed", b="running"), "add", definition=STEP, after="a")

    assert drawn(outcome) == "a x<a b<a c<a,x"
    assert rows(outcome) == {"x": "insert", "c": "replace"}


def test_a_new_step_has_the_blueprints_defaults_and_its_own_words() -> None:
    outcome = change(live("a"), "add", definition={"key": "x", "agent": "echo", "timeout": "10m"}, after="a")

    step = outcome.plan[0].steps[1]
    assert (step.timeout, step.retry.max_attempts, step.needs) == (600, 3, ("a",))


def test_a_step_can_be_put_into_a_phase_that_waits_for_its_approval_which_is_open_again_then() -> None:
    plan = live("a", "b", standing=(PhaseState.WAITING, PhaseState.PENDING), a="completed")

    assert change(plan, "add", definition=STEP, after="a").phases == {"p1": PhaseState.RUNNING}


# --- remove


def test_a_step_that_nothing_needs_is_removed() -> None:
    # a → b, a → c
    outcome = change(live("a b<a c<a", a="running"), "remove", "b")

    assert drawn(outcome) == "a c<a"
    assert rows(outcome) == {"b": "delete", "c": "place"}
    assert lines(outcome) == {"b": ("removed", {"agent": "echo", "needs": ["a"]}, None)}


# --- modify


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"params": {"say": "hello"}}, "params", {"say": "hello", "kept": 1}),
        ({"params": {"kept": None}}, "params", {}),
        ({"params": {"say": "${results.a}"}}, "params", {"say": "${results.a}", "kept": 1}),
        ({"agent": "other"}, "agent", "other"),
        ({"timeout": "10m"}, "timeout", 600.0),
        ({"timeout": 30}, "timeout", 30.0),
    ],
)
def test_what_a_step_is_told_is_laid_over_what_it_was_told(changes: dict, field: str, value: object) -> None:
    plan = live("a b<a", extra={"b": "params: {kept: 1}"}, a="completed")

    assert getattr(change(plan, "modify", "b", **changes).plan[0].steps[1], field) == value


def test_a_retry_policy_is_laid_over_the_one_before() -> None:
    plan = live("a", extra={"a": "retry: {max_attempts: 2, base: 5s}"})

    outcome = change(plan, "modify", "a", retry={"max_attempts": 7})

    policy = outcome.plan[0].steps[0].retry
    assert (policy.max_attempts, policy.base) == (7, 5)
    _, before, after = lines(outcome)["a"]
    assert (before["retry"]["max_attempts"], after["retry"]["max_attempts"]) == (2, 7)


@pytest.mark.parametrize(
    ("changes", "standing", "action"),
    [
        ({"params": {"say": "x"}}, "ready", "update"),  # the claim reads it
        ({"agent": "other"}, "ready", "replace"),  # its message lies in another pool's queue, perhaps
        ({"timeout": "1h"}, "pending", "replace"),  # its message has the time limit of before
        ({"agent": "other"}, "ready:2", "update"),  # it has attempts, which stay
    ],
)
def test_a_row_is_made_anew_where_a_message_could_know_better(changes: dict, standing: str, action: str) -> None:
    assert rows(change(live("a", a=standing), "modify", "a", **changes)) == {"a": action}


# --- reorder


@pytest.mark.parametrize(
    ("graph", "step", "where", "expected"),
    [
        # a → b → c → d
        ("a b<a c<b d<c", "c", {"before": "b"}, "a c<a b<a,c d<c,b"),  # a → c → b → d
        ("a b<a c<b d<c", "b", {"after": "c"}, "a c<a b<a,c d<c,b"),
        ("a b<a c<b d<c", "a", {"after": "d"}, "b c<b d<c a<d"),
        ("a b<a c<b d<c", "d", {"before": "a"}, "d a<d b<a c<b"),
        # a, b → c: the order of two that do not wait for one another
        ("a b c<a,b", "b", {"before": "a"}, "b a<b c<a,b"),
        ("a b c<a,b", "a", {"after": "b"}, "b a<b c<a,b"),
        # a check that others wait for goes on being waited for, wherever it is put
        ("a x check<a out<check", "check", {"after": "x"}, "a x check<a,x out<check"),
        # between two
        ("a b<a c<b d", "d", {"after": "a", "before": "b"}, "a d<a b<a,d c<b"),
        # needs named
        ("a b c<a,b", "c", {"needs": ["b"]}, "a b c<b"),
        ("a b c<a,b", "c", {"needs": []}, "a b c"),
        ("a b<a c<b", "b", {"needs": []}, "a b c<b,a"),  # c came after a, and does still
        ("a b<a c<b", "a", {"needs": ["c"]}, "a<c b c<b"),  # b → c → a
    ],
)
def test_a_step_is_moved(graph: str, step: str, where: dict, expected: str) -> None:
    assert drawn(change(live(graph), "reorder", step, **where)) == expected


def test_a_move_is_told_with_its_places_and_only_its_own() -> None:
    outcome = change(live("a b c"), "reorder", "c", before="a")

    assert lines(outcome) == {
        "c": ("moved", {"place": 3}, {"place": 1}),
        "a": ("changed", {"needs": []}, {"needs": ["c"]}),
    }
    assert rows(outcome) == {"c": "place", "a": "replace", "b": "place"}


# --- skip


@pytest.mark.parametrize("standing", ["pending", "ready", "ready:2"])
def test_a_step_that_nobody_works_on_is_passed_over_with_a_result(standing: str) -> None:
    outcome = change(live("a b<a", a=standing), "skip", "a", result={"n": 1})

    assert rows(outcome) == {"a": "skip"}
    assert outcome.rows[0].result == {"n": 1}
    assert lines(outcome)["a"][2] == {"state": "skipped", "result": {"n": 1}}
    assert outcome.warnings == ()


def test_who_reads_the_result_of_a_step_is_named_where_no_stand_in_is_given() -> None:
    plan = live(
        "a b<a",
        extra={"b": 'params: {x: "${results.a.x}"}'},
        gates={"p1": "{quality: [{name: q, check: results.a.x > 1}]}"},
    )

    assert change(plan, "skip", "a").warnings == (
        "Without a stand-in result, results.a is null, and it is read by step 'b' (params.x); "
        "the gate of phase 'p1' (quality[0].check).",
    )  # fmt: skip
    assert change(plan, "skip", "b").warnings == ()


# --- what failed


def failed(**steps: str) -> LivePlan:
    #   a → b → c   |   d → e
    states = {"a": "completed", "b": "failed", "c": "cancelled", "d": "cancelled", "e": "cancelled"}
    return live("a b<a c<b", "d e<d", **FAILED, **{**states, **steps})


def test_retrying_what_failed_a_project_revives_what_was_cancelled_with_it() -> None:
    outcome = change(failed(), "retry", "b")

    assert rows(outcome) == {"b": "retry", "c": "revive", "d": "revive", "e": "revive"}
    assert outcome.phases == {"p1": PhaseState.RUNNING, "p2": PhaseState.PENDING}
    assert outcome.revives
    assert drawn(outcome) == "a b<a c<b | d e<d"
    assert lines(outcome)["b"] == ("retried", {"state": "failed"}, {"state": "pending"})


def test_skipping_what_failed_a_project_revives_it_too() -> None:
    outcome = change(failed(), "skip", "b", result=7)

    assert rows(outcome) == {"b": "skip", "c": "revive", "d": "revive", "e": "revive"}
    assert outcome.revives


def test_a_project_in_which_two_steps_failed_runs_again_when_the_second_is_mended() -> None:
    #   a → c,  b → c
    plan = live("a b c<a,b", "d", **FAILED, a="failed", b="failed", c="cancelled", d="cancelled")

    first = change(plan, "retry", "a")
    assert (rows(first), first.revives, first.still_failed, first.phases) == ({"a": "retry"}, False, ("b",), {})

    plan = live("a b c<a,b", "d", **FAILED, a="pending:1", b="failed", c="cancelled", d="cancelled")
    second = change(plan, "skip", "b")
    assert (rows(second), second.revives) == ({"b": "skip", "c": "revive", "d": "revive"}, True)


def test_retrying_in_a_phase_that_still_runs_brings_back_what_was_stopped() -> None:
    #   a (failed) → c,  b (runs)
    outcome = change(live("a b c<a", a="failed", b="running", c="cancelled"), "retry", "a")

    assert (rows(outcome), outcome.revives, outcome.phases) == ({"a": "retry", "c": "revive"}, False, {})


def test_those_that_were_skipped_for_want_of_a_step_wait_for_it_again_and_others_do_not() -> None:
    #   a (failed, skip_dependents) → b → c,  z (failed, skip_dependents) → y
    skip = "on_failure: skip_dependents"
    plan = live(
        "a b<a c<b z y<z",
        extra={"a": skip, "z": skip},
        a="failed",
        z="failed",
        b="skipped:need_not_met",
        c="skipped:need_not_met",
        y="skipped:need_not_met",
    )

    assert rows(change(plan, "retry", "a")) == {"a": "retry", "b": "revive", "c": "revive"}


def test_what_a_tolerated_failure_let_through_waits_for_the_retry_while_it_has_not_begun() -> None:
    #   a (failed, continue) → b (ready)
    outcome = change(live("a b<a", extra={"a": "on_failure: continue"}, a="failed", b="ready"), "retry", "a")

    assert rows(outcome) == {"a": "retry", "b": "replace"}


def test_so_does_what_comes_behind_a_step_that_was_passed_over() -> None:
    #   a (failed, continue) → b (passed over) → c (ready)
    over = {"a": "failed", "b": "skipped:skipped_by_operator", "c": "ready"}
    outcome = change(live("a b<a c<b", extra={"a": "on_failure: continue"}, **over), "retry", "a")

    assert rows(outcome) == {"a": "retry", "c": "replace"}


def test_any_change_asks_the_open_approval_of_a_gate_anew() -> None:
    waits = {"standing": (PhaseState.WAITING, PhaseState.PENDING), "a": "completed"}

    for outcome in (
        change(live("a", "b c", **waits), "skip", "b"),
        change(live("a", "b c", **waits), "remove", "b"),
        change(live("a", "b c", **waits), "modify", "b", agent="other"),
        change(live("a", "b c", **waits), "reorder", "c", before="b"),
    ):
        assert outcome.phases == {"p1": PhaseState.RUNNING}
