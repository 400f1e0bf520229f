"""What kombu's own transport for Redis does not promise, and ours does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import redis

from orchestrator_site.bus.bus import Bus
from orchestrator_site.bus.events import Event
from orchestrator_site.bus.wire import Limits, Wire
from orchestrator_site.observability.broker import redis_url
from tests.bus.conftest import Broker, RedisBroker


@pytest.fixture
def broker(redis_broker: RedisBroker) -> Broker:
    return Broker(redis_broker, redis_broker)


@pytest.fixture
def server(broker: Broker) -> Any:
    """A client of Redis itself."""
    return redis.Redis.from_url(redis_url(broker.url))


def taken(wire: Wire, queue: str, seconds: float = 1.0) -> list[Any]:
    wire.listen([queue], prefetch=50)
    return [message for _, message in wire.receive(seconds)]


def wire_of(bus: Bus, broker: Broker, visibility: float = 1.0) -> Wire:
    return Wire(broker.url, bus.names, Limits(visibility=visibility))


def test_taking_and_noting_down_are_one(bus: Bus, broker: Broker, server: Any) -> None:
    bus.subscribe("#", group="a")(lambda _: None)
    bus.publish(Event("x"))

    # The answer to this is never seen by anybody: as if the consumer had died while it was on its way.
    channel = wire_of(bus, broker).channel()
    channel.take(bus.names.queue("a"), 10)

    prefix = bus.names.prefix
    assert server.hlen(f"{prefix}:unacked") == server.zcard(f"{prefix}:unacked_index") == 1
    time.sleep(1.3)
    [message] = taken(wire_of(bus, broker), bus.names.queue("a"))
    assert message.headers["x-delivery-count"] == 1


def test_one_groups_acknowledgement_does_not_expose_anothers_copy(bus: Bus, broker: Broker) -> None:
    for group in "ab":
        bus.subscribe("#", group=group)(lambda _: None)
    bus.publish(Event("x"))
    a, b = wire_of(bus, broker), wire_of(bus, broker)
    [of_a], [of_b] = taken(a, bus.names.queue("a")), taken(b, bus.names.queue("b"))

    a.ack([of_a])
    b.forget()  # b's process is dead
    time.sleep(1.3)

    assert len(taken(wire_of(bus, broker), bus.names.queue("b"))) == 1
    assert of_b is not None


def test_what_comes_back_comes_back_to_its_own_queue_alone(bus: Bus, broker: Broker) -> None:
    for group in "ab":
        bus.subscribe("#", group=group)(lambda _: None)
    bus.publish(Event("x"))
    wire = wire_of(bus, broker)
    wire.release(taken(wire, bus.names.queue("a")))

    assert (bus.depth("a"), bus.depth("b")) == (1, 1)


def test_what_is_given_back_is_taken_again_in_its_order(bus: Bus, broker: Broker) -> None:
    bus.subscribe("#", group="a")(lambda _: None)
    for n in range(5):
        bus.publish(Event("x", n))
    wire = wire_of(bus, broker)
    first = taken(wire, bus.names.queue("a"))
    wire.release(first)
    wire.stop_listening()

    again = taken(wire_of(bus, broker), bus.names.queue("a"))
    assert [json.loads(each.body)["data"] for each in again] == [0, 1, 2, 3, 4]
    assert {each.headers["x-delivery-count"] for each in again} == {1}


def test_an_acknowledgement_that_comes_too_late_takes_nothing_from_the_next(
    bus: Bus, broker: Broker, server: Any
) -> None:
    bus.subscribe("#", group="a")(lambda _: None)
    bus.publish(Event("x"))
    slow = wire_of(bus, broker)
    [late] = taken(slow, bus.names.queue("a"))
    time.sleep(1.3)
    other = wire_of(bus, broker)
    [again] = taken(other, bus.names.queue("a"))

    slow.ack([late])

    assert server.hlen(f"{bus.names.prefix}:unacked") == 1
    other.ack([again])
    assert server.hlen(f"{bus.names.prefix}:unacked") == 0


def test_what_is_renewed_is_not_given_to_another(bus: Bus, broker: Broker) -> None:
    bus.subscribe("#", group="a")(lambda _: None)
    bus.publish(Event("x"))
    wire, other = wire_of(bus, broker), wire_of(bus, broker)
    messages = taken(wire, bus.names.queue("a"))
    other.listen([bus.names.queue("a")], prefetch=5)

    for _ in range(5):
        time.sleep(0.4)
        wire.renew(messages)
        assert other.receive(0) == []


def test_an_item_that_is_no_message_at_all_is_buried(bus: Bus, broker: Broker, server: Any) -> None:
    got: list[Event] = []
    bus.subscribe("#", group="a")(got.append)
    bus.declare()
    for garbage in (b"", b"garbage", b"\xff\x00", b"12!x", b"{}", b"7!{}", b'"text"', b"[1]"):
        server.lpush(f"{bus.names.prefix}:{bus.names.queue('a')}", garbage)
    bus.publish(Event("x"))
    bus.consume(until_empty=True)

    assert len(got) == 1
    assert {letter.reason for letter in bus.dead_letters("a")} == {"unreadable"}
    assert len(bus.dead_letters("a")) == 8


def test_a_prefetch_is_kept_to(bus: Bus, broker: Broker) -> None:
    bus.subscribe("#", group="a")(lambda _: None)
    for n in range(10):
        bus.publish(Event("x", n))
    wire = wire_of(bus, broker)
    wire.listen([bus.names.queue("a")], prefetch=4)

    first = wire.receive(0.1)
    assert len(first) == 4
    assert wire.receive(0.1) == []
    wire.ack(message for _, message in first[:3])
    assert len(wire.receive(0.1)) == 3


def test_a_waiting_consumer_is_woken_within_milliseconds(bus: Bus, make_bus: Callable[..., Bus]) -> None:
    import threading

    arrived: list[float] = []
    bus.subscribe("#", group="a")(lambda _: arrived.append(time.monotonic()))
    bus.declare()
    producer, sent = make_bus(), []
    producer.publish(Event("warm"))
    thread = threading.Thread(target=lambda: bus.consume(most=11))
    thread.start()
    for _ in range(10):
        time.sleep(0.15)
        sent.append(time.monotonic())
        producer.publish(Event("x"))
    thread.join()

    waits = sorted(there - gone for there, gone in zip(arrived[1:], sent, strict=True))
    assert waits[5] < 0.1


# --- Redis is emptied ----------------------------------------------------------------------------------------------


def test_an_emptied_redis_loses_what_waited_and_nothing_after(
    bus: Bus, make_bus: Callable[..., Bus], server: Any
) -> None:
    import threading

    got: list[int] = []
    bus.subscribe("thing.#", group="a")(lambda event: got.append(event.data))
    bus.declare()
    producer = make_bus()
    producer.publish(Event("thing.made", 1))  # it knows the bindings
    server.flushall()
    assert bus.depth("a") == 0

    thread = threading.Thread(target=lambda: bus.consume(seconds=4))
    thread.start()  # declares what Redis has forgotten
    time.sleep(0.5)
    producer.publish(Event("thing.made", 2))
    time.sleep(0.3)
    server.flushall()  # under a consumer that waits
    time.sleep(1.0)
    producer.publish(Event("thing.made", 3))
    thread.join()

    assert got == [2, 3]


def test_a_producer_that_knows_the_group_needs_no_consumer_after_redis_was_emptied(bus: Bus, server: Any) -> None:
    got: list[int] = []
    bus.subscribe("thing.#", group="a")(lambda event: got.append(event.data))
    bus.publish(Event("thing.made", 1))
    server.flushall()

    bus.publish(Event("thing.made", 2))
    bus.consume(until_empty=True)

    assert got == [2]


def test_an_event_that_was_lost_with_redis_may_be_published_again(bus: Bus, server: Any) -> None:
    got: list[int] = []
    bus.subscribe("thing.#", group="a")(lambda event: got.append(event.data))
    events = [Event("thing.made", n) for n in range(3)]
    bus.publish_many(events)
    server.flushall()

    bus.publish_many(events)
    bus.consume(until_empty=True)

    assert got == [0, 1, 2]


def test_a_temporary_queue_without_its_owner_fills_no_memory(bus: Bus, broker: Broker, server: Any) -> None:
    queue = bus.names.temporary(Event("x").id)
    wire = wire_of(bus, broker)
    wire.declare_temporary(queue, ["#"])
    key = f"{bus.names.prefix}:{queue}"
    bus.publish(Event("x"))
    assert server.llen(key) == 1
    assert 0 < server.pttl(key) <= 60_000

    server.delete(f"{key}:alive")  # its owner has been silent for thirty seconds
    bus.publish(Event("x"))

    assert server.llen(key) == 1
    bus._wire.channel()._load(bus.names.exchange)
    bindings = server.smembers(f"{bus.names.prefix}:_kombu.binding.{bus.names.exchange}")
    assert not any(queue.encode() in each for each in bindings)
