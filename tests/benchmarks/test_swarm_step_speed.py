"""A search by a step, its generations evaluated by real workers and kept in PostgreSQL, beside the same in one process.

The overhead of a generation is the time between two of its events less what its evaluations take here: claims and
commits of its chunks, the join, the fold, the next generation's items and their way to the workers. Best of some
rounds, as the machine may be busy with other things; the 99th percentile is of all generations of that round.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
import yaml

from agents.swarm.optimising import State, answer, begin, chunks, fold, report, spec_of
from orchestrator_site.access.actors import system_actor
from orchestrator_site.history import services as history
from projects.models import Project
from projects.services import control
from tests.benchmarks.agents import rated
from tests.benchmarks.figures import FIGURES, Figure
from tests.builders import project_of, result
from tests.faults.site import Site, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.workers, pytest.mark.timeout(600)]

ROUNDS = 4
BAR = 30.0  # milliseconds a generation of four chunks
VARIABLES = 10


def settings_of(*, population: int, chunk_size: int, generations: int, seconds: float = 0.0) -> dict[str, Any]:
    return {
        "objective": {"agent": "rates", "params": {"seconds": seconds}},
        "bounds": [[-5.0, 5.0]] * VARIABLES,
        "population": population,
        "chunk_size": chunk_size,
        "generations": generations,
        "seed": 1,
    }


def in_process(settings: Mapping[str, Any]) -> tuple[State, float]:
    """The search here, as the engine does it but for the engine; seconds."""
    began = time.perf_counter()
    state = begin(spec_of(settings))
    while not state.done:
        state = fold(state, [answer(chunk, rated) for chunk in chunks(state)])
    return state, time.perf_counter() - began


def by_a_step(settings: Mapping[str, Any]) -> tuple[Project, list[float]]:
    """The search as a project; seconds from each generation's end to the next one's."""
    step = {"key": "search", "kind": "swarm", "swarm": dict(settings)}
    project = project_of(yaml.safe_dump({"phases": [{"key": "one", "steps": [step]}]}), started=False)
    control.start(project_id=project.pk, actor=system_actor())
    wait_until(lambda: Project.objects.get(pk=project.pk).is_over, 300)
    done = Project.objects.get(pk=project.pk)
    assert done.state == "completed", done.failure
    ends = history.events_of(project.pk).filter(kind="swarm.generation").order_by("id").values_list("at", flat=True)
    return done, [(after - before).total_seconds() for before, after in pairwise(ends)]


def test_the_overhead_of_a_generation_of_four_chunks(site: Site) -> None:
    settings = settings_of(population=40, chunk_size=10, generations=100)
    state, pure = min((in_process(settings) for _ in range(ROUNDS)), key=lambda run: run[1])
    rounds = []
    for _ in range(ROUNDS):
        project, gaps = by_a_step(settings)
        assert result(project, "search") == report(state)
        rounds.append(gaps)
    best = min(rounds, key=statistics.median)
    own = pure / settings["generations"]
    p50 = (statistics.median(best) - own) * 1000
    p99 = (statistics.quantiles(best, n=100)[98] - own) * 1000
    FIGURES.append(Figure("a generation of 4 chunks: overhead, p50, ms", f"{p50:.1f} ms", "30 ms", p50, BAR, BAR / 2))
    FIGURES.append(Figure("the same, p99, ms", f"{p99:.1f} ms", f"{own * 1000:.1f} ms pure", p99, 3 * BAR, BAR))
    rate = settings["population"] / statistics.fmean(best)
    print(f"overhead p50 {p50:.1f} ms, p99 {p99:.1f} ms, {rate:,.0f} evaluations/s of nothing; ")  # noqa: T201
    print("p50 of the rounds:", [round(statistics.median(each) * 1000, 1) for each in rounds])  # noqa: T201


def test_evaluations_a_second_beside_the_same_search_in_one_process(site: Site) -> None:
    settings = settings_of(population=200, chunk_size=25, generations=12, seconds=0.002)
    count = settings["population"]
    _, pure = in_process(settings)
    alone = count * settings["generations"] / pure
    rounds = [count / statistics.fmean(by_a_step(settings)[1]) for _ in range(ROUNDS)]
    ours = max(rounds)
    FIGURES.append(
        Figure(
            "evaluations/s of 2 ms, by workers: times one process",
            f"{ours:,.0f}/s",
            f"{alone:,.0f}/s",
            ours / alone,
            1.2,
            1.6,
            more=True,
        )
    )
    print(f"by workers {ours:,.0f}/s, in one process {alone:,.0f}/s; rounds {[round(r) for r in rounds]}")  # noqa: T201
