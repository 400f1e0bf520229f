"""What a worker keeps between decisions, and when it looks again."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping, Sequence

import pytest

from agents.errors import NoAgentNow
from agents.routing import Candidates, LoadBook, PreparedCache, Request, Standing
from agents.services.routing import Router, Sought
from agents.values import Performer
from orchestrator_site.errors import Unavailable
from tests.unit.routing.scenes import performer


class Source:
    """Loads as a test sets them, and how often they were asked for."""

    def __init__(self, **standing: Standing) -> None:
        self.now = {f"id-{name}": each for name, each in standing.items()}
        self.asked = 0
        self.broken = False

    def standing(self, ids: Sequence[str]) -> Mapping[str, Standing]:
        self.asked += 1
        if self.broken:
            raise Unavailable
        return {one: self.now[one] for one in ids if one in self.now}


class Registry:
    def __init__(self, *performers: Performer) -> None:
        self.performers_now, self.number, self.asked = performers, 1, 0

    def version(self) -> int:
        return self.number

    def performers(self, sought: Sought) -> tuple[Performer, ...]:
        self.asked += 1
        return self.performers_now


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_loads_are_read_once_for_a_while_and_then_again() -> None:
    clock, source = Clock(), Source(a=Standing(1, 5))
    book = LoadBook(Candidates([performer("a")]), source, seconds=0.1, clock=clock)

    first = [book.loads().taken[0] for _ in range(5)]
    source.now["id-a"] = Standing(4, 5)
    clock.now += 0.05
    still = book.loads().taken[0]
    clock.now += 0.06

    assert (first, still, book.loads().taken[0], source.asked) == ([1] * 5, 1, 4, 2)


def test_what_the_worker_did_itself_counts_at_once() -> None:
    book = LoadBook(Candidates([performer("a"), performer("b")]), Source(a=Standing(4, 5)), seconds=9, clock=Clock())
    before = book.loads()

    book.took("id-a")
    full = book.loads()
    book.gave_back("id-a")
    book.took("unknown")

    assert (before.taken[0], full.taken[0], book.loads().taken[0]) == (4, 5, 4)
    assert [bool(loads.usable[0]) for loads in (before, full, book.loads())] == [True, False, True]
    assert (before.total, full.total, book.loads().total) == (4, 0, 4)


def test_where_loads_cannot_be_read_the_last_ones_stay() -> None:
    clock, source = Clock(), Source(a=Standing(3, 5))
    book = LoadBook(Candidates([performer("a")]), source, seconds=0.1, clock=clock)
    book.loads()
    source.broken = True
    clock.now += 1

    assert book.loads().taken[0] == 3
    assert LoadBook(Candidates([performer("a")]), source, seconds=0.1, clock=clock).loads().taken[0] == 0


def test_one_thread_reads_while_the_others_go_on() -> None:
    reading, let_go = threading.Event(), threading.Event()

    class Slow(Source):
        def standing(self, ids: Sequence[str]) -> Mapping[str, Standing]:
            if self.asked:
                reading.set()
                assert let_go.wait(5)
            return super().standing(ids)

    clock, source = Clock(), Slow(a=Standing(1, 5))
    book = LoadBook(Candidates([performer("a")]), source, seconds=0.1, clock=clock)
    book.loads()
    clock.now += 1
    other = threading.Thread(target=book.loads)
    other.start()
    assert reading.wait(5)

    assert book.loads().taken[0] == 1  # and did not wait

    let_go.set()
    other.join(5)
    assert source.asked == 2


def test_candidates_are_kept_until_the_registry_changes() -> None:
    registry = Registry(performer("a"))
    router = Router(registry, Source(), load_seconds=0.1)
    for _ in range(10):
        router.decide(Sought("translate"), Request())
    kept = registry.asked
    registry.number, registry.performers_now = 2, (performer("b"),)

    choice = router.decide(Sought("translate"), Request())

    assert (kept, registry.asked) == (1, 2)
    assert [one.name for one in choice.performers] == ["b"]
    assert choice.decision.version == 2


def test_the_least_lately_used_candidates_are_forgotten() -> None:
    cache, made = PreparedCache(Source(), seconds=1, kept=2, rng=random.Random(1)), []

    def get(key: str) -> None:
        cache.get(key, 1, lambda: made.append(key) or Candidates([], version=1))  # type: ignore[func-returns-value]

    for key in ("a", "b", "a", "c", "a", "b"):
        get(key)

    assert made == ["a", "b", "c", "b"]


def test_two_workers_begin_their_turns_at_places_of_their_own() -> None:
    registry = Registry(*(performer(f"a{n}") for n in range(50)))
    firsts = {
        Router(registry, Source(), load_seconds=1).decide(Sought("x"), Request("round_robin")).decision.chosen[0]
        for _ in range(20)
    }

    assert len(firsts) > 10


def test_where_nobody_can_take_it_the_refusal_says_why_and_when() -> None:
    source = Source(a=Standing(shut="its circuit is open", retry_after=4.0), b=Standing(5, 5))
    router = Router(Registry(performer("a"), performer("b")), source, load_seconds=1)

    with pytest.raises(NoAgentNow) as refused:
        router.decide(Sought("x"), Request())

    assert refused.value.retry_after == 4.0
    assert "a left out: its circuit is open; b left out: 5 of 5 places taken" in str(refused.value)
    assert refused.value.details["decision"]["considered"] == 2


def test_an_agent_that_says_nothing_has_the_default_number_of_places() -> None:
    router = Router(Registry(performer("a"), performer("b", max_concurrency=1)), Source(), default_places=2)
    sought = Sought("x")
    for agent in ("id-a", "id-b"):
        router.preview(sought, Request()).took(agent)

    assert router.decide(sought, Request()).decision.chosen == ("id-a",)
    assert "b left out: 1 of 1 places taken" in router.decide(sought, Request()).decision.sentence
