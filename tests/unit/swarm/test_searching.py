"""Searches find what is known to be there, say why they end, and bear what does not come back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.swarm.errors import SwarmHasEnded, SwarmSettingsRefused, TooFewEvaluations
from agents.swarm.optimising import (
    Algorithm,
    Reason,
    State,
    SwarmSpec,
    answer,
    ask,
    begin,
    chunks,
    fold,
    report,
    run,
    spec_of,
    tell,
)
from agents.swarm.optimising.functions import FUNCTIONS, sphere
from agents.swarm.optimising.measuring import diversity, scattered
from agents.swarm.optimising.particles import leaders, neighbours
from agents.swarm.optimising.spec import Topology

ALGORITHMS = list(Algorithm)
DIMENSIONS = 10
TOLERANCE = 1e-6
EVALUATIONS = 150_000


def spec(algorithm: Algorithm = Algorithm.DIFFERENTIAL, **more: Any) -> SwarmSpec:
    return spec_of(
        {"objective": {"agent": "rater"}, "bounds": [[-5, 5]] * 3, "algorithm": algorithm, "population": 20}
        | {"generations": 60, "seed": 3}
        | more
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_test_functions_have_their_published_minima(name: str) -> None:
    function = FUNCTIONS[name]
    at = np.full((1, DIMENSIONS), function.minimum_at)
    around = at + np.random.default_rng(1).normal(0, 0.1, (500, DIMENSIONS))

    assert function.of(at)[0] == pytest.approx(0, abs=1e-14)
    assert (function.of(around) > function.of(at)[0]).all()


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("sphere", [3.0, 4.0], 25.0),
        ("rosenbrock", [0.0, 0.0], 1.0),
        ("rosenbrock", [-1.2, 1.0], 24.2),  # where Rosenbrock himself began
        ("rastrigin", [1.0, 1.0], 2.0),
        ("rastrigin", [0.5, 0.0], 20.25),
        ("ackley", [1.0, 1.0], 3.6253849384403627),
    ],
)
def test_the_test_functions_have_published_values(name: str, place: list[float], value: float) -> None:
    assert FUNCTIONS[name].of(np.array([place]))[0] == pytest.approx(value, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_algorithm_finds_every_known_minimum_in_ten_of_ten_runs(algorithm: Algorithm, name: str) -> None:
    """In ten variables, within 1e-6, with at most 150,000 evaluations, the minimum moved off the middle."""
    function = FUNCTIONS[name]
    half = (function.bounds[1] - function.bounds[0]) / 2
    settings = {"bounds": [function.bounds] * DIMENSIONS, "population": 100, "generations": EVALUATIONS // 100}
    found = []
    for seed in range(10):
        moved = np.random.default_rng(seed).uniform(-0.3, 0.3, DIMENSIONS) * half
        ended = run(spec(algorithm, **settings, target=TOLERANCE, seed=seed), function.shifted(moved))
        found.append(ended.reason)
        assert np.abs(ended.best - moved - function.minimum_at).max() < 0.01

    assert found == [Reason.TARGET_REACHED] * 10


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_candidate_is_within_the_bounds(algorithm: Algorithm) -> None:
    bounds = [[-3, -1], [0, 1e-9], [1e6, 2e6]]
    low, high = np.array(bounds).T
    state = begin(spec(algorithm, bounds=bounds))
    while not state.done:
        places = ask(state)
        assert places.shape == (20, 3)
        assert (places >= low).all()
        assert (places <= high).all()
        # The best lies in a corner: whoever goes there comes to the bounds.
        state = tell(state, ((places - low) / (high - low)).sum(axis=1))

    assert ((state.best - low) / (high - low)).max() < 0.01


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_most_is_found_as_least_is(algorithm: Algorithm) -> None:
    least = run(spec(algorithm), sphere)
    most = run(spec(algorithm, direction="maximise"), lambda places: -sphere(places))

    assert np.array_equal(least.best, most.best)
    assert report(most)["value"] == -report(least)["value"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_best_never_gets_worse_and_the_metrics_say_so(algorithm: Algorithm) -> None:
    history = run(spec(algorithm, least_diversity=0), sphere).history.all()
    best = [one.best for one in history]

    assert best == sorted(best, reverse=True)
    assert all(one.best <= one.mean for one in history)
    assert history[0].diversity > 5 * history[-1].diversity
    assert all(one.answered == 20 for one in history)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"target": 1.0}, Reason.TARGET_REACHED),
        ({}, Reason.BUDGET_SPENT),
        ({"least_diversity": 0.05}, Reason.DIVERSITY_COLLAPSED),
        ({"patience": 3, "tolerance": 0.5, "least_diversity": 0}, Reason.STAGNATED),
        ({"target": 1e9, "generations": 1}, Reason.TARGET_REACHED),
    ],
)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_search_says_why_it_ended(algorithm: Algorithm, more: dict[str, Any], reason: Reason) -> None:
    ended = run(spec(algorithm, **more), sphere)

    assert ended.reason is reason
    assert report(ended)["reason"] == reason
    assert report(ended)["done"] is True
    with pytest.raises(SwarmHasEnded):
        ask(ended)
    with pytest.raises(SwarmHasEnded):
        tell(ended, [0.0] * 20)


def test_a_search_that_is_stuck_is_scattered_and_keeps_what_it_found() -> None:
    """All is flat but a step, so that the search is stuck at once, and again and again."""
    settings = spec(generations=40, patience=4, when_stuck="scatter", least_diversity=0)
    state, best = begin(settings), []
    while not state.done:
        state = tell(state, np.floor(sphere(ask(state)) / 10))
        best.append(state.value)

    assert state.scatterings >= 5
    assert state.reason is Reason.BUDGET_SPENT
    assert best == sorted(best, reverse=True)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_missing_evaluations_are_worse_than_any_other(algorithm: Algorithm) -> None:
    """A third of the candidates, those far to the left, are never evaluated: nobody stays there."""
    settings = spec(algorithm, least_answers=0.1, population=40)
    state = begin(settings)
    while not state.done:
        places = ask(state)
        state = tell(
            state, [None if place[0] < -1 else value for place, value in zip(places, sphere(places), strict=True)]
        )

    assert state.missing > 0
    assert state.evaluations + state.missing == 40 * state.generation
    assert state.value < 0.1
    assert np.isfinite(state.value)


@pytest.mark.parametrize("nothing", [None, float("nan"), float("inf"), float("-inf")])
def test_no_number_is_as_good_as_no_answer(nothing: float | None) -> None:
    settings = spec()
    values: list[float | None] = sphere(ask(begin(settings))).tolist()
    values[3] = nothing

    told = tell(begin(settings), values)

    assert told.last is not None
    assert (told.last.answered, told.last.missing) == (19, 1)


def test_a_generation_of_which_too_little_came_back_is_put_again() -> None:
    state = begin(spec(least_answers=0.5))
    work = chunks(state, 5)
    answers = [answer(chunk, lambda place, _: sum(place)) for chunk in work]

    with pytest.raises(TooFewEvaluations, match="5 of 20") as refusal:
        fold(state, [answers[0], None])

    assert refusal.value.retryable
    assert fold(state, [*answers[:2], None]).generation == 1
    assert chunks(state, 5) == work


@pytest.mark.parametrize(
    "nonsense",
    [
        {"generation": 7, "first": 0, "fitnesses": [0.0] * 20},
        {"generation": 0, "first": -1, "fitnesses": [0.0] * 20},
        {"generation": 0, "first": True, "fitnesses": [0.0] * 20},
        {"generation": 0, "first": 0, "fitnesses": "0000"},
        {"generation": 0, "first": 0, "fitnesses": ["0", True, {}, 10**400, *[None] * 16]},
        {"generation": 0, "first": 20, "fitnesses": [0.0]},
        {"generation": 0},
    ],
)
def test_results_that_make_no_sense_count_as_missing(nonsense: dict[str, Any]) -> None:
    with pytest.raises(TooFewEvaluations, match="0 of 20"):
        fold(begin(spec()), [nonsense])


def test_too_many_or_too_few_fitnesses_are_refused() -> None:
    with pytest.raises(SwarmSettingsRefused, match="20 fitnesses were asked for; 3 came"):
        tell(begin(spec()), [1.0, 2.0, 3.0])


def test_an_agent_answers_what_it_cannot_compute_with_null() -> None:
    chunk = chunks(begin(spec(bounds={"x": [-1, 1]}, population=5)))[0]

    answered = answer(chunk, lambda place, params: 1 / 0 if place["x"] < 0 else place["x"])

    assert {value is None for value in answered["fitnesses"]} == {True, False}


def test_a_report_before_anything_is_known_says_nothing_it_does_not_know() -> None:
    told = report(begin(spec()))

    assert (told["best"], told["value"], told["last"], told["history"]) == (None, None, None, [])


def test_the_report_of_a_search_with_names_names_its_variables() -> None:
    ended = run(spec(bounds={"b": [-1, 1], "a": [-1, 1]}, generations=3), sphere)

    assert list(report(ended)["best"]) == ["a", "b"]


RING = [{4, 0, 1}, {0, 1, 2}, {1, 2, 3}, {2, 3, 4}, {3, 4, 0}]


def test_whom_a_particle_hears() -> None:
    #  0 1 2
    #  3 4 5   of nine on a torus, 4 hears 1, 3, 5 and 7
    #  6 7 8
    assert [set(row) for row in neighbours(Topology.RING, 5).tolist()] == RING
    assert set(neighbours(Topology.VON_NEUMANN, 9)[4].tolist()) == {4, 1, 3, 5, 7}
    assert set(neighbours(Topology.GLOBAL, 6)[2].tolist()) == set(range(6))


@given(st.lists(st.floats(0, 9), min_size=5, max_size=30), st.sampled_from(list(Topology)))
def test_a_leader_is_a_neighbour_and_the_best_of_them(values: list[float], topology: Topology) -> None:
    value = np.array(values)
    hears = neighbours(topology, len(value))

    for one, leader in enumerate(leaders(topology, value).tolist()):
        assert leader in hears[one]
        assert value[leader] == value[hears[one]].min()


@given(st.integers(5, 60), st.integers(1, 6), st.integers(0, 99))
def test_a_first_population_has_one_in_every_slice(count: int, dimensions: int, seed: int) -> None:
    places = scattered(count, np.zeros(dimensions), np.full(dimensions, float(count)), np.random.default_rng(seed))

    for column in np.floor(places).astype(int).T:
        assert sorted(np.minimum(column, count - 1)) == list(range(count))


def test_diversity_is_0_in_one_place_and_1_in_two_opposite_corners() -> None:
    low, high = np.array([0.0, -1000.0]), np.array([1.0, 1000.0])

    assert diversity(np.tile(low, (6, 1)), low, high) == 0
    assert diversity(np.array([low, high, low, high]), low, high) == pytest.approx(1)


GOLDEN = {
    Algorithm.PARTICLES: 0.00496967,
    Algorithm.EVOLUTION: 0.0151474,
    Algorithm.DIFFERENTIAL: 0.00709219,
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_seed_gives_the_run_that_it_always_gave(algorithm: Algorithm) -> None:
    ended: State = run(spec(algorithm, generations=20), sphere)

    assert ended.value == pytest.approx(GOLDEN[algorithm], rel=1e-4)
    assert run(spec(algorithm, generations=20, seed=4), sphere).value != ended.value


def test_a_second_answer_to_the_same_candidates_changes_nothing() -> None:
    state = begin(spec())
    work = chunks(state, 20)[0]
    first = answer(work, lambda place, _: sum(place))
    second = {**first, "fitnesses": [None, -1e9, *[None] * 18]}

    assert fold(state, [first, second]).to_json() == fold(state, [first]).to_json()
