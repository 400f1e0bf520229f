"""How fast agents are found and heard of: ten thousand of them, on a real PostgreSQL and a real Redis.

Each figure is the best of some rounds where the machine is shared, and says what it is measured beside.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from agents.models import Agent
from agents.services import candidates, pulses
from agents.services.discovery import Query, discover
from agents.services.heartbeats import Beat, beat, beat_many, write_down
from agents.services.statistics import note, note_many
from agents.shared_state import client
from agents.values import Location
from tests.benchmarks.figures import FIGURES, Figure, seconds_until
from tests.registry.conftest import empty_redis
from tests.registry.crowds import crowd

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

MANY = 10_000
ASKED = 200
ROUNDS = 3

QUESTIONS: dict[str, Query] = {
    "what all can do": Query(capability="crowd.work"),
    "a range of versions": Query(capability="crowd.work", versions=">=1.2,<1.5"),
    "what one in a hundred can do": Query(capability="crowd.work.7"),
    "two tags, type, range, health": Query(
        capability="crowd.work",
        versions=">=1.2,<1.5",
        all_tags=frozenset({"common", "common-3"}),
        service_type="crowd-service-3",
        health=0.7,
    ),
    "the nearest, by zone and region": Query(capability="crowd.work", near=Location("eu", "a", 50.0, 8.0)),
    "the nearest, by distance alone": Query(capability="crowd.work.7", near=Location(latitude=50.0, longitude=8.0)),
    "what nobody can do": Query(capability="crowd.work", all_tags=frozenset({"no-such"})),
}


RARE = (
    Query(capability="rare.work"),
    Query(capability="rare.work", versions=">=1.2,<1.5", all_tags=frozenset({"rare"})),
    Query(capability="rare.work", near=Location(latitude=50.0, longitude=8.0)),
)


@dataclass(frozen=True, slots=True)
class Crowd:
    """Ten thousand agents, committed as they would be, and what finding ten of them took beside a hundred."""

    ids: list[UUID]
    beside_few: float


@pytest.fixture(scope="module")
def agents(django_db_setup: None, django_db_blocker: Any) -> Iterator[Crowd]:
    """Ten thousand agents for the module, committed, so that PostgreSQL may tidy up behind updates as it does."""
    with django_db_blocker.unblock():
        empty_redis()
        candidates.reset()
        crowd(10, capability="rare.work", tag="rare", prefix="rare")
        crowd(100, seed=5, prefix="few")
        beside_few = percentiles(ask_for_rare)[0]
        ids = crowd(MANY)
        yield Crowd(ids, beside_few)
        Agent.objects.all().delete()
        empty_redis()
        candidates.reset()


def ask_for_rare() -> None:
    """Three questions that ten agents answer."""
    for query in RARE:
        assert discover(query).performers


def times(work: Callable[[], object], number: int) -> list[float]:
    """Milliseconds of each of so many, sorted."""
    work()
    found = []
    for _ in range(number):
        found.append(seconds_until(work) * 1000)
    return sorted(found)


def percentiles(work: Callable[[], object], number: int = ASKED) -> tuple[float, float]:
    """The median and the 99th percentile in milliseconds, of the round with the least of the latter."""
    rounds = [times(work, number) for _ in range(ROUNDS)]
    best = min(rounds, key=lambda found: found[int(len(found) * 0.99)])
    return statistics.median(best), best[int(len(best) * 0.99)]


def trip() -> None:
    """What any question costs: one round trip to PostgreSQL through Django."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchall()


def figure(work: str, ours: str, beside: str, value: float, target: float, goal: float, more: bool = False) -> None:
    FIGURES.append(Figure(work, ours, beside, value, target, goal, more))


def test_finding_agents_among_ten_thousand(agents: Crowd) -> None:
    beside = percentiles(trip)[0]
    for name, query in QUESTIONS.items():
        median, late = percentiles(lambda query=query: discover(query))  # type: ignore[misc]
        figure(f"find: {name}, ms p99", f"p50 {median:.2f}", f"trip {beside:.2f}", late, 50, 10)


def test_agents_that_are_not_meant_cost_nothing(agents: Crowd) -> None:
    many, few = percentiles(ask_for_rare)[0], agents.beside_few
    figure("find 10: beside 10,000 others / beside 100", f"{many / 3:.2f} ms", f"{few / 3:.2f} ms", many / few, 2, 1.5)


def test_candidates_of_a_step(agents: Crowd) -> None:
    found = candidates.performers("crowd.work", ">=1.2,<1.3")
    assert len(found) >= MANY // 10
    number = 50_000

    def ask() -> None:
        for _ in range(number):
            candidates.performers("crowd.work", ">=1.2,<1.3")

    cached = min(seconds_until(ask) for _ in range(ROUNDS)) / number * 1e6
    fresh = percentiles(lambda: candidates._capable("crowd.work", ">=1.2,<1.3"), 20)[0]
    figure("1,000 candidates from memory, us", f"{cached:.2f} us", f"read {fresh:.1f} ms", cached, 10, 2)


def rate(work: Callable[[], Any], number: int) -> float:
    """How many a second, the best of the rounds."""
    return number / min(seconds_until(work) for _ in range(ROUNDS))


def pings() -> None:
    """What one by one is measured beside: a command that does nothing."""
    redis = client()
    for _ in range(2000):
        redis.ping()


def test_hearing_of_agents(agents: Crowd) -> None:
    beats = [Beat(agent, 0.25) for agent in agents.ids]

    def in_batches() -> None:
        for start in range(0, MANY, 1000):
            beat_many(beats[start : start + 1000])

    def one_by_one() -> None:
        for agent in agents.ids[:2000]:
            beat(agent, load=0.25)

    bare, batches, single = rate(pings, 2000), rate(in_batches, MANY), rate(one_by_one, 2000)
    told = f"pings {bare:,.0f}"
    figure("heartbeats a second, in batches of 1,000", f"{batches:,.0f}", told, batches, 10_000, 50_000, True)
    figure("heartbeats one by one / bare pings", f"{single:,.0f}/s", told, single / bare, 0.3, 0.6, True)


@pytest.mark.django_db(transaction=True)
def test_writing_heartbeats_down(agents: Crowd) -> None:
    beats = [Beat(agent, 0.25) for agent in agents.ids]
    heard, written = [], []
    for _ in range(ROUNDS + 2):
        heard.append(seconds_until(lambda: beat_many(beats)))
        written.append(seconds_until(write_down))
    assert pulses.waiting() == 0
    assert Agent.objects.filter(load=0.25).count() == MANY
    rate_of_all, told = MANY / (min(heard) + min(written)), f"{min(written):.2f} s/10k"
    figure("heartbeats heard and written a second", f"{rate_of_all:,.0f}", told, rate_of_all, 10_000, 20_000, True)


def test_noting_calls(agents: Crowd) -> None:
    agent = str(agents.ids[0])
    notes = [(agent, True, 0.05)] * 1000

    def singly() -> None:
        for _ in range(1000):
            note(agent, True, 0.05)

    together, alone = rate(lambda: note_many(notes), 1000), rate(singly, 1000)
    figure(
        "calls noted a second, 1,000 together", f"{together:,.0f}", f"{alone:,.0f}/s", together, 10_000, 50_000, True
    )
