"""What becomes of each phase when a project goes back, and what a new run keeps."""

from __future__ import annotations

from typing import Any

import pytest

from projects.planning.marks import ItemMark, Mark, PhaseMark, StepMark, from_json, to_json
from projects.planning.rewinding import (
    NotReached,
    dependents_of,
    rerun_from,
    rewind,
    settled_with_needs,
    undone,
)
from projects.states import PhaseState as P
from projects.states import ProjectState
from projects.states import StepState as S


def step(key: str, state: S = S.PENDING, *needs: str, **more: Any) -> StepMark:
    attempt = 0 if state in (S.PENDING, S.SKIPPED) else 1
    return StepMark(key, state, needs=needs, **{"attempt": attempt, **more})


def phase(key: str, state: P, *steps: StepMark, **more: Any) -> PhaseMark:
    return PhaseMark(key, state, steps=steps, **more)


def mark(*phases: PhaseMark, **more: Any) -> Mark:
    return Mark(ProjectState.RUNNING, phases=phases, **more)


#   a ──► b ──► d          e stands alone
#   └───► c ────┘
def diamond(**states: S) -> tuple[StepMark, ...]:
    needs: dict[str, tuple[str, ...]] = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c"), "e": ()}
    return tuple(step(key, states.get(key, S.PENDING), *each) for key, each in needs.items())


def test_a_step_is_kept_with_all_that_it_needs() -> None:
    assert settled_with_needs(diamond(a=S.COMPLETED, b=S.COMPLETED, c=S.SKIPPED)) == {"a", "b", "c"}
    assert settled_with_needs(diamond(b=S.COMPLETED, d=S.COMPLETED, e=S.COMPLETED)) == {"e"}
    assert settled_with_needs(diamond(a=S.FAILED, b=S.COMPLETED)) == set()
    tolerated = StepMark("a", S.FAILED, on_failure="continue"), step("b", S.COMPLETED, "a")
    assert settled_with_needs(tolerated) == {"a", "b"}


def test_what_comes_after_a_step_is_found_by_way_of_others() -> None:
    assert dependents_of("a", diamond()) == {"a", "b", "c", "d"}
    assert dependents_of("c", diamond()) == {"c", "d"}
    assert dependents_of("e", diamond()) == {"e"}


def test_a_phase_that_is_as_it_was_stays_and_the_others_get_their_next_round() -> None:
    done = phase("one", P.COMPLETED, step("x", S.COMPLETED))
    target = mark(done, phase("two", P.RUNNING, *diamond(a=S.COMPLETED, b=S.RUNNING)), phase("three", P.PENDING))
    present = mark(
        done,
        phase("two", P.COMPLETED, *diamond(a=S.COMPLETED, b=S.COMPLETED, c=S.COMPLETED, d=S.COMPLETED)),
        phase("three", P.RUNNING, step("y", S.COMPLETED)),
    )

    new = rewind(target, present)

    assert new.left == ("one",)
    two, three = new.rounds
    assert (two.state, two.source, two.round, three.state, three.round) == (P.RUNNING, 1, 2, P.PENDING, 2)
    assert [(each.key, each.state, each.is_kept) for each in two.steps] == [
        ("a", S.COMPLETED, True),
        ("b", S.PENDING, False),
        ("c", S.PENDING, False),
        ("d", S.PENDING, False),
        ("e", S.PENDING, False),
    ]
    assert [each.rows for each in undone(new, present)] == [("b",), ("c",), ("d",), ("y",)]


def test_rounds_of_rework_count_on_as_they_stood() -> None:
    goal = phase("one", P.RUNNING, step("x"), round=5, base_round=3, comments=("longer",))
    now = phase("one", P.FAILED, step("x", S.FAILED), round=7, base_round=6)

    [new] = rewind(mark(goal), mark(now)).rounds

    assert (new.round, new.source) == (8, 5)
    assert new.round - new.base_round == 5 - 3
    assert new.comments == ("longer",)


@pytest.mark.parametrize(
    ("state", "comes_back"),
    [
        (P.PENDING, P.PENDING),
        (P.CANCELLED, P.PENDING),
        (P.RUNNING, P.RUNNING),
        (P.WAITING, P.RUNNING),
        (P.FAILED, P.RUNNING),
        (P.COMPLETED, P.COMPLETED),
    ],
)
def test_a_phase_comes_back_in_a_state_from_which_it_goes_on(state: P, comes_back: P) -> None:
    goal = phase("one", state, step("x", S.COMPLETED), approval="a-1", approved=state is P.COMPLETED)
    [new] = rewind(mark(goal), mark(phase("one", P.COMPLETED, step("x", S.COMPLETED), round=2))).rounds

    assert new.state is comes_back
    assert new.steps[0].is_kept == (comes_back is not P.PENDING)
    assert new.approval == ("a-1" if comes_back is P.COMPLETED else None)


def test_nothing_happens_to_what_is_as_it_was_but_a_failure_is_tried_again() -> None:
    as_it_was = phase("one", P.WAITING, step("x", S.COMPLETED), approval="a-1")
    failed = phase("one", P.FAILED, step("x", S.FAILED))
    failing = phase("one", P.RUNNING, step("x", S.FAILED), step("y", S.COMPLETED))

    assert rewind(mark(as_it_was), mark(as_it_was)).rounds == ()
    assert [each.steps[0].state for each in rewind(mark(failed), mark(failed)).rounds] == [S.PENDING]
    assert [each.is_kept for each in rewind(mark(failing), mark(failing)).rounds[0].steps] == [False, True]


def test_a_phase_that_has_not_begun_is_the_same_in_any_round_unless_the_plan_is_another() -> None:
    goal, now = phase("one", P.PENDING, step("x")), phase("one", P.PENDING, step("x"), round=3, base_round=3)

    assert rewind(mark(goal), mark(now)).left == ("one",)
    assert rewind(mark(goal), mark(now, plan_version=2)).left == ()


def test_of_a_list_the_items_that_were_done_are_kept() -> None:
    done, failed, open_one = ItemMark(S.COMPLETED, 1, "d"), ItemMark(S.FAILED, 2), ItemMark(S.PENDING)
    begun = step("l", S.WAITING, items=(done, failed, open_one), attempt=0)
    now = phase("one", P.COMPLETED, step("l", S.COMPLETED, items=(done, ItemMark(S.COMPLETED, 3), done), attempt=0))

    new = rewind(mark(phase("one", P.RUNNING, begun)), mark(now))

    [made] = new.rounds[0].steps
    assert (made.state, made.is_kept) == (S.WAITING, True)
    assert [(item.state, item.is_kept) for item in made.items] == [
        (S.COMPLETED, True),
        (S.READY, False),
        (S.READY, False),
    ]
    assert [each.rows for each in undone(new, mark(now))] == [("l[1]", "l[2]")]
    tolerant = step("l", S.WAITING, items=(failed, open_one), attempt=0, on_failure="continue")
    [kept] = rewind(mark(phase("one", P.RUNNING, tolerant)), mark(now)).rounds[0].steps
    assert [(item.state, item.is_kept) for item in kept.items] == [(S.FAILED, True), (S.READY, False)]
    untouched = step("l", S.WAITING, items=(open_one, open_one), attempt=0)
    [anew] = rewind(mark(phase("one", P.RUNNING, untouched)), mark(now)).rounds[0].steps
    assert (anew.state, anew.is_kept, anew.items) == (S.PENDING, False, ())


def test_a_new_run_keeps_what_does_not_come_after_its_step() -> None:
    first = phase("one", P.COMPLETED, step("x", S.COMPLETED), round=3, base_round=2, approval="a-1", approved=True)
    second = phase("two", P.FAILED, *diamond(a=S.COMPLETED, b=S.COMPLETED, c=S.FAILED, e=S.COMPLETED))

    one, two = rerun_from("b", (first, second, phase("three", P.CANCELLED, step("y", S.CANCELLED))))

    assert (one.state, one.round, one.base_round, one.source, one.approval) == (P.COMPLETED, 1, 1, 3, "a-1")
    assert (two.state, two.round, [each.key for each in two.steps if each.is_kept]) == (P.PENDING, 1, ["a", "e"])


def test_a_new_run_cannot_begin_with_what_the_earlier_one_never_came_to() -> None:
    phases = (phase("one", P.FAILED, step("x", S.FAILED)), phase("two", P.CANCELLED, step("y", S.CANCELLED)))

    with pytest.raises(NotReached, match="one"):
        rerun_from("y", phases)
    with pytest.raises(KeyError):
        rerun_from("z", phases)
    assert len(rerun_from("x", phases)) == 1


def test_a_mark_comes_back_from_json_as_it_was() -> None:
    whole = mark(
        phase(
            "one",
            P.WAITING,
            step("l", S.COMPLETED, items=(ItemMark(S.COMPLETED, 1, "d"), ItemMark(S.PENDING))),
            step("x", S.FAILED, "l", on_failure="continue", sha256=None),
            comments=("why",),
            quality=({"name": "q", "met": True},),
            approval="a-1",
            round=2,
        ),
        variables={"n": 1.5, "t": ["ü"]},
        plan_version=4,
    )

    assert from_json(to_json(whole)) == whole
