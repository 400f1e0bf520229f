"""How fast swarms are: steps of boids, evaluations, what a search needs beside SciPy's, and how well work is shared
out.

Nothing here needs a server. Times are of the processor: all of it is computing in one thread, and what else the machine
does meanwhile is none of its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import differential_evolution
from scipy.spatial import cKDTree

from agents.swarm.allocating import begin_foraging, items_of, worked_off
from agents.swarm.living import BehaviourName, lived, populated, step
from agents.swarm.optimising import Algorithm, State, ask, begin, run, spec_of, tell
from agents.swarm.optimising.functions import FUNCTIONS, sphere
from tests.benchmarks.figures import FIGURES, Figure

pytestmark = pytest.mark.timeout(300)

AGENTS = 10_000
DIMENSIONS = 10
SEEDS = 10
BUDGET = 150_000
TOLERANCE = 1e-6


def times(work: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Best, median and 99th percentile, in milliseconds, after one that is not counted."""
    work()
    found = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        found.append((time.process_time() - began) * 1000)
    return min(found), float(np.percentile(found, 50)), float(np.percentile(found, 99))


@pytest.mark.parametrize("behaviour", list(BehaviourName))
def test_a_step_of_ten_thousand(behaviour: BehaviourName) -> None:
    """Beside it what it cannot do without: a k-d tree and seven neighbours of each."""
    world = lived(populated(behaviour, AGENTS, 1), behaviour, 5)

    def one_step() -> None:
        nonlocal world
        world = step(world, behaviour)

    _, median, slow = times(one_step, 30)
    places = world.swarm.places
    tree, _, _ = times(lambda: cKDTree(places).query(places, k=8, distance_upper_bound=12.0), 5)
    ours = f"{median:.1f}/{slow:.1f} ms"
    FIGURES.append(Figure(f"{behaviour}, 10,000 agents, p50/p99 of a step, ms", ours, f"{tree:.1f} ms", slow, 100, 50))


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_evaluations_a_second(algorithm: Algorithm) -> None:
    """A hundred candidates of ten variables a generation; beside it SciPy's differential evolution, vectorised."""
    settings = spec_of(
        {"objective": {"agent": "x"}, "bounds": [[-5, 5]] * DIMENSIONS, "population": 100, "generations": 200}
        | {"algorithm": algorithm, "least_diversity": 0}
    )
    best, _, _ = times(lambda: run(settings, sphere), 5)
    other, evaluations = min(_scipy_speed() for _ in range(3))
    ours = 20_000 / best * 1000
    beside = evaluations / other
    FIGURES.append(
        Figure(f"{algorithm}, evaluations a second", f"{ours:,.0f}", f"{beside:,.0f}", ours, 10_000, 50_000, more=True)
    )


def _scipy_speed() -> tuple[float, int]:
    began = time.process_time()
    _, evaluations = _scipy(sphere, (-5, 5), generations=200, seed=1)
    return time.process_time() - began, evaluations


def _scipy(
    objective: Any, bounds: tuple[float, float], generations: int, seed: int, target: float = -1
) -> tuple[float, int]:
    """SciPy's with a hundred candidates and its own settings, but for the polish, which is a gradient method's work."""
    evaluations = 0

    def counted(places: Any) -> Any:
        nonlocal evaluations
        evaluations += places.shape[1]
        return objective(places.T)

    found = differential_evolution(
        counted, [bounds] * DIMENSIONS, popsize=10, maxiter=generations - 1, polish=False, tol=0, atol=0,
        vectorized=True, updating="deferred", rng=seed,
        callback=lambda intermediate_result: bool(intermediate_result.fun <= target),
    )  # fmt: skip
    return float(found.fun), evaluations


@pytest.mark.parametrize("name", FUNCTIONS)
def test_known_minima_in_ten_of_ten_runs(name: str) -> None:
    """How many of ten runs come within 1e-6 with 150,000 evaluations, the minimum off the middle; SciPy's beside it."""
    beside = [_scipy_search(name, seed) for seed in range(SEEDS)]
    theirs = _told(beside)
    for algorithm in Algorithm:
        found = [_our_search(name, algorithm, seed) for seed in range(SEEDS)]
        FIGURES.append(
            Figure(
                f"{name} by {algorithm}, of ten, evaluations", _told(found), theirs, _reached(found), 10, 10, more=True
            )
        )


def _moved(name: str, seed: int) -> tuple[Any, Any]:
    function = FUNCTIONS[name]
    half = (function.bounds[1] - function.bounds[0]) / 2
    return function, np.random.default_rng(seed).uniform(-0.3, 0.3, DIMENSIONS) * half


def _our_search(name: str, algorithm: Algorithm, seed: int) -> tuple[bool, int]:
    function, moved = _moved(name, seed)
    settings = {"objective": {"agent": "x"}, "bounds": [function.bounds] * DIMENSIONS, "algorithm": algorithm}
    size = {"population": 100, "generations": BUDGET // 100, "seed": seed, "target": TOLERANCE}
    ended = run(spec_of(settings | size), function.shifted(moved))
    return ended.value <= TOLERANCE, ended.evaluations


def _scipy_search(name: str, seed: int) -> tuple[bool, int]:
    function, moved = _moved(name, seed)
    found, evaluations = _scipy(function.shifted(moved), function.bounds, BUDGET // 100, seed, TOLERANCE)
    return found <= TOLERANCE, evaluations


def _reached(found: list[tuple[bool, int]]) -> int:
    return sum(reached for reached, _ in found)


def _told(found: list[tuple[bool, int]]) -> str:
    return f"{_reached(found)}, {np.median([count for _, count in found]) / 1000:.0f}k"


def test_keeping_a_state() -> None:
    """A state of a hundred candidates of ten variables after 600 generations to JSON and back, as after every
    generation.
    """
    settings = spec_of(
        {"objective": {"agent": "x"}, "bounds": [[-5, 5]] * DIMENSIONS, "population": 100, "generations": 700}
        | {"least_diversity": 0}
    )
    state = begin(settings)
    while state.generation < 600:
        state = tell(state, sphere(ask(state)))
    best, median, slow = times(lambda: State.from_json(json.loads(json.dumps(state.to_json()))), 50)
    size = len(json.dumps(state.to_json())) / 1024
    FIGURES.append(
        Figure("a state kept and read, p50/p99, ms", f"{median:.2f}/{slow:.2f} ms", f"{size:.0f} KiB", best, 5, 1)
    )


def test_sharing_out_a_hundred_thousand_items() -> None:
    """Sixteen agents of four speeds that nobody knows, one of which dies: seconds of simulated work beside an even
    split.
    """
    cost = np.random.default_rng(1).lognormal(0, 0.7, 100_000)
    speeds = {f"agent-{place}": float(2 ** (place % 4)) for place in range(16)}
    items = items_of(cost)
    half = cost.sum() / sum(speeds.values()) / 2

    def takes(parcel: Any, now: float) -> float | None:
        dead = parcel.agent == "agent-2" and now > half
        return None if dead else items.cost(parcel.start, parcel.end) / speeds[parcel.agent]

    done: Any = None

    def share_out() -> None:
        nonlocal done
        done = worked_off(begin_foraging(items_of(cost), list(speeds)), {}, takes)

    best, median, slow = times(share_out, 15)
    assert (done.agent_of >= 0).all()
    living = {name: speed for name, speed in speeds.items() if name != "agent-2"}
    even = max(cost[place::16].sum() / speeds[f"agent-{place}"] for place in range(16) if place != 2)
    even += max(cost[2::16][place::15].sum() / speed for place, speed in enumerate(living.values()))
    ideal = (cost.sum() - done.busy["agent-2"] * speeds["agent-2"]) / sum(living.values())
    FIGURES.append(Figure("100,000 items shared out, p50/p99, ms", f"{median:.0f}/{slow:.0f} ms", "-", best, 1000, 200))
    FIGURES.append(
        Figure("work of 16 agents, one dies: of the even split", f"{done.seconds:,.0f} s", f"{even:,.0f} s",
               done.seconds / even, 0.6, 0.35)
    )  # fmt: skip
    FIGURES.append(
        Figure("the same: of the best that could be", f"{done.seconds:,.0f} s", f"{ideal:,.0f} s",
               done.seconds / ideal, 1.2, 1.05)
    )  # fmt: skip
