"""The rules of boids, by hand and by their symmetries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.swarm.living import Ground
from agents.swarm.living.boids import alignment, cohesion, separation
from agents.swarm.living.neighbours import Near, near

OPEN = Ground(100, 100, False, (50, 50), (90, 90))
TORUS = Ground(100, 100, True, (50, 50), (90, 90))
SEEDS = st.integers(0, 10_000)


def swarm(seed: int, count: int = 40) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.uniform(30, 70, (count, 2)), rng.normal(0, 1, (count, 2))


def seen(places: Any, sight: float = 10.0, ground: Ground = OPEN) -> Near:
    return near(np.asarray(places, dtype=float), np.full(len(places), sight), ground)


def pushes(places: Any, velocity: Any, ground: Ground = OPEN) -> Any:
    count = len(places)
    around = seen(places, 10.0, ground)
    sight, counts = np.full(count, 10.0), np.ones(count)
    return np.stack(
        [separation(around, sight / 2), alignment(around, velocity, counts), cohesion(around, sight, counts)]
    )


def test_two_that_are_near_push_each_other_away() -> None:
    #  (40,50) <- 2 -> (42,50): half of the room of 4 between them
    pushed = separation(seen([[40, 50], [42, 50]]), np.full(2, 4.0))

    assert pushed.tolist() == [[-0.5, 0], [0.5, 0]]


def test_those_outside_of_the_room_do_not() -> None:
    assert not separation(seen([[40, 50], [45, 50]]), np.full(2, 4.0)).any()


def test_a_member_turns_to_the_velocity_of_its_neighbours() -> None:
    velocity = np.array([[0.0, 0], [1, 0], [0, 1]])
    pushed = alignment(seen([[50, 50], [51, 50], [50, 51]]), velocity, np.ones(3))

    assert pushed[0] == pytest.approx([0.5, 0.5])


def test_a_neighbour_that_counts_more_is_heeded_more() -> None:
    velocity = np.array([[0.0, 0], [1, 0], [0, 1]])
    pushed = alignment(seen([[50, 50], [51, 50], [50, 51]]), velocity, np.array([1.0, 3, 1]))

    assert pushed[0] == pytest.approx([0.75, 0.25])


def test_a_member_is_drawn_to_the_middle_of_its_neighbours() -> None:
    pushed = cohesion(seen([[50, 50], [54, 50], [54, 58]]), np.full(3, 10.0), np.ones(3))

    assert pushed[0] == pytest.approx([0.4, 0.4])


def test_who_is_alone_is_pushed_by_nobody() -> None:
    assert not pushes(np.array([[50.0, 50]]), np.array([[1.0, 0]])).any()
    assert not pushes(np.array([[10.0, 10], [90, 90]]), np.ones((2, 2))).any()


def test_many_in_one_place_are_no_neighbours_of_themselves_and_push_with_finite_force() -> None:
    places = np.full((30, 2), 50.0)
    around = seen(places)

    assert not (around.who == np.arange(30)[:, None])[around.there].any()
    assert np.isfinite(pushes(places, np.zeros((30, 2)))).all()


def test_neighbours_are_seen_across_the_edges_of_a_torus_and_not_through_walls() -> None:
    places = [[1.0, 50], [99, 50]]

    around = seen(places, ground=TORUS)
    assert around.way[around.there].tolist() == [[-2, 0], [2, 0]]
    assert not seen(places, ground=OPEN).there.any()


def test_who_sees_farther_sees_whom_does_not_see_it() -> None:
    around = near(np.array([[50.0, 50], [58, 50]]), np.array([10.0, 5.0]), OPEN)

    assert around.there.any(axis=1).tolist() == [True, False]


@given(SEEDS, st.floats(-3.1, 3.1))
def test_a_turned_world_gives_turned_pushes(seed: int, angle: float) -> None:
    places, velocity = swarm(seed)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    turned = pushes((places - 50) @ turn.T + 50, velocity @ turn.T)

    assert turned == pytest.approx(pushes(places, velocity) @ turn.T, abs=1e-9)


@given(SEEDS, st.floats(-20, 20), st.floats(-20, 20))
def test_a_moved_world_gives_the_same_pushes(seed: int, right: float, up: float) -> None:
    places, velocity = swarm(seed)

    assert pushes(places + np.array([right, up]), velocity) == pytest.approx(pushes(places, velocity), abs=1e-9)


@given(SEEDS)
def test_it_does_not_matter_how_members_are_numbered(seed: int) -> None:
    places, velocity = swarm(seed)
    order = np.random.default_rng(seed).permutation(len(places))

    assert pushes(places[order], velocity[order]) == pytest.approx(pushes(places, velocity)[:, order], abs=1e-9)


@given(SEEDS, st.integers(2, 60))
def test_the_neighbours_are_the_nearest_by_counting(seed: int, count: int) -> None:
    places, _ = swarm(seed, count)
    around = seen(places, 8.0, TORUS)

    distance = np.linalg.norm(TORUS.towards(places[:, None], places[None]), axis=2)
    np.fill_diagonal(distance, np.inf)
    for one in range(count):
        expected = np.sort(distance[one])[:7]
        assert np.sort(around.distance[one][around.there[one]]) == pytest.approx(expected[expected <= 8.0])
