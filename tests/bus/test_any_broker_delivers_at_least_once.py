"""What the bus promises on any broker, the same tests for each: an event is handled, alone or in a batch, and once."""

from __future__ import annotations

import threading
import time
from collections import Counter

from orchestrator_site.bus.bus import Bus
from orchestrator_site.bus.events import Event
from orchestrator_site.bus.redelivery import Policy
from tests.bus.any_broker import MakeBus, completed

# --- batches -----------------------------------------------------------------------------------------------------


def test_many_events_go_in_few_messages_and_come_one_by_one(bus: Bus) -> None:
    got: list[int] = []
    bus.subscribe("project.#", group="reports")(lambda event: got.append(event.data["n"]))
    bus.declare()

    same = [Event("project.completed", {"n": n}) for n in range(100)]
    assert bus.publish_many(same) == 100
    assert bus.depth("reports") == 5  # of 20 each
    tally = bus.consume(until_empty=True)

    assert got == list(range(100))
    assert tally.handled == 100


def test_a_batch_handler_gets_many_at_once(bus: Bus) -> None:
    batches: list[int] = []
    bus.subscribe("project.#", group="reports", batch=True)(lambda events: batches.append(len(events)))

    bus.publish_many([completed(n) for n in range(120)])
    bus.consume(until_empty=True, batch=40)

    assert sum(batches) == 120
    assert max(batches) == 40


def test_one_that_fails_in_a_batch_is_found_out(bus: Bus) -> None:
    got: Counter[int] = Counter()

    @bus.subscribe("project.#", group="reports", batch=True)
    def handle(events: list[Event]) -> None:
        if any(event.data["n"] == 7 for event in events):
            raise ValueError("seven")
        got.update(event.data["n"] for event in events)

    bus.publish_many([completed(n) for n in range(20)])
    tally = bus.consume(until_empty=True)

    assert got == Counter({n: 1 for n in range(20) if n != 7})
    assert tally.buried == 1
    assert [letter.event.data["n"] for letter in bus.dead_letters("reports") if letter.event] == [7]


def test_consuming_ends_after_so_many_and_the_rest_stays(bus: Bus, make_bus: MakeBus) -> None:
    got: list[int] = []
    bus.subscribe("project.#", group="reports")(lambda event: got.append(event.data["n"]))
    bus.publish_many([completed(n) for n in range(30)])

    first = bus.consume(most=1, batch=5)
    assert first.handled >= 1
    bus.consume(until_empty=True)

    assert sorted(set(got)) == list(range(30))


# --- at least once, and once where nothing dies ------------------------------------------------------------------


def test_an_event_that_is_published_twice_is_handled_once_by_each_group(bus: Bus) -> None:
    got: Counter[str] = Counter()
    bus.subscribe("project.#", group="a")(lambda _: got.update("a"))
    bus.subscribe("project.#", group="b")(lambda _: got.update("b"))
    event = completed()

    bus.publish_many([event, event])
    bus.consume(until_empty=True)
    bus.publish(event)
    tally = bus.consume(until_empty=True)

    assert got == Counter("ab")
    assert tally.duplicates == 2


def test_a_failure_is_delivered_again_until_it_is_handled(bus: Bus) -> None:
    tries: list[float] = []

    @bus.subscribe("project.#", group="reports")
    def handle(_: Event) -> None:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise OSError("not yet")

    bus.publish(completed())
    tally = bus.consume(until_empty=True)

    assert len(tries) == 3
    assert tries[2] - tries[1] >= 0.03  # later each time: 0.02 s, then 0.04 s
    assert (tally.handled, tally.failures, tally.buried) == (1, 2, 0)
    assert bus.dead_letters("reports") == []


def test_others_go_on_while_one_waits_to_be_tried_again(bus: Bus) -> None:
    got: list[int] = []

    @bus.subscribe("project.#", group="reports")
    def handle(event: Event) -> None:
        if event.data["n"] == 0 and got.count(0) == 0 and len(got) < 5:
            raise OSError("not yet")
        got.append(event.data["n"])

    bus.publish_many([completed(n) for n in range(6)])
    bus.consume(until_empty=True)

    assert got == [1, 2, 3, 4, 5, 0]


def test_deliveries_are_counted_over_processes(bus: Bus, make_bus: MakeBus) -> None:
    tries: list[str] = []
    slow = {"policy": Policy(max_deliveries=3, base=60)}
    for name in ("one", "two", "three"):
        member = make_bus(**slow)

        def handle(_: Event, name: str = name) -> None:
            tries.append(name)
            raise OSError("never")

        member.subscribe("project.#", group="reports")(handle)
        if name == "one":
            member.publish(completed())
        member.consume(seconds=0.6)

    assert tries == ["one", "two", "three"]
    assert [letter.deliveries for letter in make_bus().dead_letters("reports")] == [3]


def test_a_stop_finishes_what_is_in_hand_and_gives_back_the_rest(bus: Bus, make_bus: MakeBus) -> None:
    first: list[int] = []

    @bus.subscribe("project.#", group="reports")
    def handle(event: Event) -> None:
        first.append(event.data["n"])
        bus.stop()

    bus.publish_many([completed(n) for n in range(10)])
    bus.consume()
    second: list[int] = []
    other = make_bus()
    other.subscribe("project.#", group="reports")(lambda event: second.append(event.data["n"]))
    other.consume(until_empty=True)

    assert first == [0]
    assert sorted(second) == list(range(1, 10))


def test_a_handler_may_take_longer_than_the_broker_waits_for_word(bus: Bus, make_bus: MakeBus) -> None:
    calls: list[str] = []

    def slow(_: Event) -> None:
        calls.append("slow")
        time.sleep(5)  # more than twice the visibility timeout of these tests

    bus.subscribe("project.#", group="reports")(slow)
    bus.publish(completed())
    other = make_bus()
    other.subscribe("project.#", group="reports")(lambda _: calls.append("other"))
    thread = threading.Thread(target=lambda: bus.consume(most=1))
    thread.start()
    time.sleep(0.5)
    other.consume(seconds=5)
    thread.join()

    assert calls == ["slow"]
