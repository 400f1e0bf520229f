"""The message bus beside raw kombu and raw Redis, doing the same in the same run: the best of some rounds each.

Raw kombu sends the same JSON through a topic exchange to one queue and acknowledges each message; raw Redis pushes it
in pipelines and takes it back without noting anything down. Neither knows an event again, and neither survives a kill
between taking and handling. The rounds take turns, so that what else the machine does falls on all of them.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import kombu
import pytest
import redis
from django.conf import settings

from orchestrator_site.bus.bus import Bus, Options
from orchestrator_site.bus.encoding import encode_each
from orchestrator_site.bus.events import Event
from orchestrator_site.clock import new_id
from orchestrator_site.observability.broker import redis_url
from tests.benchmarks.figures import FIGURES, Figure

pytestmark = [pytest.mark.timeout(300)]

ROUNDS = 20  # short ones: on a machine that does other things too, some are undisturbed
SINGLES = 250
MANY = 10_000


@pytest.fixture
def bus() -> Iterator[Bus]:
    bus = Bus(settings.BROKER_URL, options=Options(prefix=f"b{new_id().hex[-8:]}"))
    bus.subscribe("project.*.completed", group="reports")(lambda _: None)
    bus.declare()
    yield bus
    bus.remove_group("reports")
    bus.close()


class RawKombu:
    """kombu as its documentation shows it."""

    def __init__(self) -> None:
        self.connection = kombu.Connection(
            settings.BROKER_URL, transport_options={"global_keyprefix": f"raw{new_id().hex[-8:]}:"}
        )
        self.exchange = kombu.Exchange("events", type="topic")
        self.queue = kombu.Queue("reports", self.exchange, routing_key="project.*.completed")
        self.producer = self.connection.Producer(exchange=self.exchange, auto_declare=False)
        self.queue(self.producer.channel).declare()

    def publish(self, events: list[Event]) -> None:
        for event, body in zip(events, encode_each(events), strict=True):
            self.producer.publish(
                body.decode(), routing_key=event.topic, content_type="application/json", content_encoding="utf-8"
            )

    def publish_in_batches(self, events: list[Event]) -> None:
        with self.producer.batch(max_size=1000):
            self.publish(events)

    def consume(self, count: int) -> None:
        left = count

        def handle(message: Any) -> None:
            nonlocal left
            message.decode()
            message.ack()
            left -= 1

        with self.connection.Consumer([self.queue], on_message=handle, prefetch_count=200):
            while left:
                self.connection.drain_events(timeout=5)


class RawRedis:
    """Redis as fast as its client goes."""

    def __init__(self) -> None:
        self.client = redis.Redis.from_url(redis_url(settings.BROKER_URL))
        self.key = f"raw{new_id().hex[-8:]}"

    def publish_in_batches(self, events: list[Event]) -> None:
        bodies = encode_each(events)
        for first in range(0, len(bodies), 1000):
            with self.client.pipeline(transaction=False) as pipeline:
                for body in bodies[first : first + 1000]:
                    pipeline.lpush(self.key, body)
                pipeline.execute()

    def publish(self, events: list[Event]) -> None:
        for body in encode_each(events):
            self.client.lpush(self.key, body)

    def consume(self, count: int) -> None:
        import json

        while count:
            found: Any = self.client.rpop(self.key, 500)
            for body in found:
                json.loads(body)
            count -= len(found)


def events(count: int) -> list[Event]:
    """Made before the clock starts, for all three alike."""
    return [
        Event("project.completed", {"n": n, "result": "accepted"}, "/projects/1", topic=f"project.p{n}.completed")
        for n in range(count)
    ]


def rate(count: int, work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def best(rounds: list[float]) -> float:
    return max(rounds)


def compared(work: str, ours: list[float], beside: list[float], name: str, target: float, goal: float) -> None:
    FIGURES.append(
        Figure(
            f"{work}, times {name}",
            f"{best(ours):,.0f}/s",
            f"{best(beside):,.0f}/s",
            best(ours) / best(beside),
            target,
            goal,
            more=True,
        )
    )


def test_publishing_one_by_one(bus: Bus) -> None:
    raw, plain = RawKombu(), RawRedis()
    ours: list[float] = []
    kombus: list[float] = []
    redises: list[float] = []
    took: list[float] = []

    def publish(some: list[Event]) -> None:
        for event in some:
            began = time.perf_counter()
            bus.publish(event)
            took.append(time.perf_counter() - began)

    for _ in range(ROUNDS):
        some = events(SINGLES)
        ours.append(rate(SINGLES, lambda some=some: publish(some)))
        kombus.append(rate(SINGLES, lambda some=some: raw.publish(some)))
        redises.append(rate(SINGLES, lambda some=some: plain.publish(some)))

    us = best(ours)
    FIGURES.append(Figure("bus: events a second, one by one", f"{us:,.0f}/s", "", us, 10_000, 10_000, more=True))
    compared("bus: one by one", ours, kombus, "raw kombu", 1.0, 2.0)
    compared("bus: one by one", ours, redises, "raw Redis", 0.3, 0.6)
    cuts = statistics.quantiles(took, n=100)
    FIGURES.append(Figure("bus: publish, p50, ms", f"{cuts[49] * 1e3:.3f} ms", "", cuts[49] * 1e3, 0.5, 0.1))
    FIGURES.append(Figure("bus: publish, p99, ms", f"{cuts[98] * 1e3:.3f} ms", "", cuts[98] * 1e3, 5, 1))


def test_publishing_and_consuming_in_batches(bus: Bus) -> None:
    raw, plain = RawKombu(), RawRedis()
    sent: dict[str, list[float]] = {"bus": [], "kombu": [], "redis": []}
    taken: dict[str, list[float]] = {"bus": [], "kombu": [], "redis": []}
    few = MANY // 20  # raw kombu is slow, and the rounds are to be over
    for _ in range(ROUNDS):
        some = events(MANY)
        sent["bus"].append(rate(MANY, lambda some=some: bus.publish_many(some)))
        sent["kombu"].append(rate(few, lambda some=some: raw.publish_in_batches(some[:few])))
        sent["redis"].append(rate(MANY, lambda some=some: plain.publish_in_batches(some)))
        taken["bus"].append(rate(MANY, lambda: bus.consume(most=MANY)))
        taken["kombu"].append(rate(few, lambda: raw.consume(few)))
        taken["redis"].append(rate(MANY, lambda: plain.consume(MANY)))

    us, them = best(sent["bus"]), best(taken["bus"])
    FIGURES.append(Figure("bus: events a second, in batches", f"{us:,.0f}/s", "", us, 10_000, 100_000, more=True))
    compared("bus: in batches", sent["bus"], sent["kombu"], "raw kombu", 1, 5)
    compared("bus: in batches", sent["bus"], sent["redis"], "raw Redis pipelines", 0.5, 1)
    FIGURES.append(
        Figure("bus: events handled a second, batches", f"{them:,.0f}/s", "", them, 10_000, 50_000, more=True)
    )
    compared("bus: handled, batches", taken["bus"], taken["kombu"], "raw kombu", 1, 5)
    compared("bus: handled, batches", taken["bus"], taken["redis"], "raw Redis", 0.1, 0.3)


def test_consuming_what_was_published_one_by_one(bus: Bus) -> None:
    raw = RawKombu()
    ours: list[float] = []
    kombus: list[float] = []
    for _ in range(ROUNDS):
        some = events(SINGLES)
        for event in some:
            bus.publish(event)
        raw.publish(some)
        ours.append(rate(SINGLES, lambda: bus.consume(most=SINGLES)))
        kombus.append(rate(SINGLES, lambda: raw.consume(SINGLES)))

    us = best(ours)
    FIGURES.append(Figure("bus: events handled a second, singles", f"{us:,.0f}/s", "", us, 5_000, 10_000, more=True))
    compared("bus: handled, singles", ours, kombus, "raw kombu", 1, 5)


def test_from_one_process_to_another(bus: Bus) -> None:
    """How long an event is on its way to a consumer that waits."""
    took: list[float] = []
    sent: dict[int, float] = {}
    waiting = Bus(settings.BROKER_URL, options=bus.options)
    waiting.subscribe("project.*.completed", group="reports")(
        lambda event: took.append(time.perf_counter() - sent[event.data["n"]])
    )
    consumer = threading.Thread(target=lambda: waiting.consume(most=400))
    consumer.start()
    for event in events(400):
        time.sleep(0.005)
        sent[event.data["n"]] = time.perf_counter()
        bus.publish(event)
    consumer.join()
    waiting.close()

    cuts = statistics.quantiles(took, n=100)
    FIGURES.append(Figure("bus: published to handled, p50, ms", f"{cuts[49] * 1e3:.1f} ms", "", cuts[49] * 1e3, 10, 2))
    FIGURES.append(
        Figure("bus: published to handled, p99, ms", f"{cuts[98] * 1e3:.1f} ms", "", cuts[98] * 1e3, 100, 20)
    )


def test_what_knowing_an_event_again_costs(bus: Bus) -> None:
    client = redis.Redis.from_url(redis_url(settings.BROKER_URL))
    ids = [new_id() for _ in range(20_000)]
    bus._ledger.mark("memory", ids)
    keys = list(client.scan_iter(f"{bus.names.prefix}:handled:memory:*"))
    used: list[Any] = [client.memory_usage(key, samples=0) for key in keys]

    each = sum(used) / len(ids)
    client.delete(*keys)
    FIGURES.append(Figure("bus: bytes that a handled event takes", f"{each:.0f} B", "", each, 150, 100))
