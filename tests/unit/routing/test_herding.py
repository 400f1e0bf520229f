"""Why least_loaded draws three where loads are shared: many workers that look at the same figures, simulated."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

import pytest

PLACES, USE, SECONDS = 5, 0.6, 15
"""Steps of a second on average, as many as fill 60 % of all places."""


def refused(
    agents: int, workers: int, age: float, choose: Callable[[list[int], random.Random], int], seed: int = 7
) -> float:
    """The part of steps that were sent to an agent that was full, loads being read every ``age`` seconds.

    Each worker adds what it sent itself to what it has read.
    """
    rng = random.Random(seed)
    true, ends = [0] * agents, list[tuple[float, int]]()
    seen = [[0] * agents for _ in range(workers)]
    read = [rng.random() * age for _ in range(workers)]
    now, sent, full = 0.0, 0, 0
    while now < SECONDS:
        now += rng.expovariate(USE * agents * PLACES)
        while ends and ends[0][0] <= now:
            true[heapq.heappop(ends)[1]] -= 1
        worker = rng.randrange(workers)
        if now >= read[worker]:
            seen[worker], read[worker] = list(true), now + age
        agent = choose(seen[worker], rng)
        seen[worker][agent] += 1
        sent += 1
        if true[agent] >= PLACES:
            full += 1
        else:
            true[agent] += 1
            heapq.heappush(ends, (now + rng.expovariate(1), agent))
    return full / sent


def least_of_all(loads: list[int], rng: random.Random) -> int:
    least = min(loads)
    return rng.choice([agent for agent, load in enumerate(loads) if load == least])


def least_of(draws: int) -> Callable[[list[int], random.Random], int]:
    return lambda loads, rng: min(rng.sample(range(len(loads)), draws), key=loads.__getitem__)


def on_average(age: float, choose: Callable[[list[int], random.Random], int]) -> float:
    return sum(refused(100, 8, age, choose, seed) for seed in range(3)) / 3


@pytest.mark.parametrize("age", [0.1, 0.25, 0.5])
def test_the_least_of_three_is_refused_less_often_than_the_least_of_all(age: float) -> None:
    three = on_average(age, least_of(3))

    assert three < 0.75 * on_average(age, least_of_all)
    assert three < 0.5 * on_average(age, least_of(1))


def test_three_are_better_than_two_at_the_age_that_loads_have_by_default() -> None:
    assert on_average(0.1, least_of(3)) < 0.5 * on_average(0.1, least_of(2))


def test_of_fresh_loads_the_least_of_all_is_best() -> None:
    assert on_average(0.0, least_of_all) <= on_average(0.0, least_of(3))
