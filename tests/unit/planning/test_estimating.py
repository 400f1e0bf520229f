"""How much is done and what is left, by how long steps take."""

from __future__ import annotations

from typing import Any

import pytest

from projects.planning.estimating import Spell, Work, about, estimate, rest_of, seen

TEN = Spell(8, 10, 14)


def work(key: str, expected: float = 10, **fields: Any) -> Work:
    return Work(key, Spell(expected * 0.8, expected, expected * 1.5), **fields)


@pytest.mark.parametrize(
    ("passed", "left"),
    [
        (0, Spell(8, 10, 14)),
        (4, Spell(4, 6, 10)),
        (9, Spell(0, 2.25, 9)),  # not 1: what is left is never less than a quarter of what has passed
        (40, Spell(0, 10, 40)),
        (400, Spell(0, 100, 400)),
    ],
)
def test_of_a_step_that_runs_longer_than_expected_a_share_of_what_has_passed_is_left(
    passed: float, left: Spell
) -> None:
    assert rest_of(TEN, passed) == left


@pytest.mark.parametrize(("number", "spell"), [(1, Spell(5, 10, 15)), (4, Spell(8, 10, 12)), (19, Spell(9, 10, 11))])
def test_the_fewer_were_seen_the_wider_is_the_range(number: int, spell: Spell) -> None:
    assert seen(9, 10, 11, number) == spell


def test_of_a_mean_alone_the_range_is_from_half_to_twice() -> None:
    assert about(4) == Spell(2, 4, 8)


def test_a_share_is_of_the_work_and_not_of_the_steps() -> None:
    #  a (1 s, done) ── b (99 s)
    phases = [[work("a", 1, done=1), work("b", 99, left=1, needs=("a",))]]

    assert estimate(phases, 4).share == pytest.approx(0.01)


def test_a_step_that_runs_is_done_by_the_time_that_has_passed_and_never_wholly() -> None:
    assert estimate([[work("a", 100, running=(50.0,))]], 1).share == pytest.approx(0.5)
    assert estimate([[work("a", 100, running=(900.0,))]], 1).share == pytest.approx(0.8)


LEFT = [
    # a ── b, c beside them: the longest path
    ("a path", [[work("a", 10, left=1), work("b", 20, left=1, needs=("a",)), work("c", 5, left=1)]], 4, 30),
    # the same by one lane: all of it
    ("one lane", [[work("a", 10, left=1), work("b", 20, left=1, needs=("a",)), work("c", 5, left=1)]], 1, 35),
    # phases follow one another
    ("phases", [[work("a", 10, left=1)], [work("b", 10, left=1)]], 4, 20),
    # twelve items, four at once
    ("items", [[work("a", 10, left=12, width=12)]], 4, 30),
    # three at once at most, though there are more lanes
    ("a narrow list", [[work("a", 10, left=12, width=3)]], 8, 40),
    # what is done is not left
    ("done", [[work("a", 10, done=1), work("b", 10, left=1, needs=("a",))]], 4, 10),
    ("nothing", [[work("a", 10, done=1)]], 4, 0),
    ("no phase", [], 4, 0),
]


@pytest.mark.parametrize(("phases", "lanes", "seconds"), [case[1:] for case in LEFT], ids=[case[0] for case in LEFT])
def test_what_is_left_is_the_longest_path_or_the_work_by_the_lanes(
    phases: list[list[Work]], lanes: int, seconds: float
) -> None:
    left = estimate(phases, lanes).left

    assert left.middle == pytest.approx(seconds)
    assert (left.low, left.high) == (pytest.approx(seconds * 0.8), pytest.approx(seconds * 1.5))
