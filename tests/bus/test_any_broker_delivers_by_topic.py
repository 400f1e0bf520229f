"""What the bus promises on any broker, the same tests for each: an event goes to every group that wants its topic."""

from __future__ import annotations

import threading
import time

import pytest

from orchestrator_site.bus.bus import Bus
from orchestrator_site.bus.errors import GroupUnknown
from orchestrator_site.bus.events import Event
from tests.bus.any_broker import MakeBus, completed


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("project.*.completed", {"project.p1.completed"}),
        ("project.#", {"project", "project.p1.completed", "project.p1.failed"}),
        ("#.completed", {"project.p1.completed", "completed"}),
        ("#", {"project", "project.p1.completed", "project.p1.failed", "completed"}),
        ("project.p1.failed", {"project.p1.failed"}),
    ],
)
def test_an_event_goes_to_whoever_has_subscribed_to_its_topic(bus: Bus, pattern: str, wanted: set[str]) -> None:
    got: list[Event] = []
    bus.subscribe(pattern, group="reports")(got.append)

    for topic in ("project", "project.p1.completed", "project.p1.failed", "completed"):
        bus.publish(Event("thing.happened", topic=topic))
    bus.consume(until_empty=True)

    assert {event.topic for event in got} == wanted
    assert len(got) == len(wanted)


def test_an_event_arrives_as_it_was_sent(bus: Bus) -> None:
    got: list[Event] = []
    bus.subscribe("#", group="reports")(got.append)
    sent = Event("a.b", {"text": "Größe ☃ \x00", "list": [1, 2.5, None, True]}, "/p/1", "s", traceparent="00-a-b-01")

    bus.publish(sent)
    bus.consume(until_empty=True)

    assert got == [sent]


def test_each_group_gets_every_event_and_each_member_some(bus: Bus, make_bus: MakeBus) -> None:
    got: dict[str, list[int]] = {"audit": [], "one": [], "two": []}
    bus.subscribe("project.#", group="audit")(lambda event: got["audit"].append(event.data["n"]))
    members = [make_bus(), make_bus()]
    for name, member in zip(("one", "two"), members, strict=True):

        def handle(event: Event, name: str = name) -> None:
            got[name].append(event.data["n"])
            time.sleep(0.002)

        member.subscribe("project.#", group="reports")(handle)
        member.declare()

    bus.declare()
    for n in range(60):
        bus.publish(completed(n))
    threads = [threading.Thread(target=member.consume, kwargs={"seconds": 3, "batch": 5}) for member in members]
    for thread in threads:
        thread.start()
    bus.consume(until_empty=True)
    for thread in threads:
        thread.join()

    assert sorted(got["audit"]) == list(range(60))
    assert sorted(got["one"] + got["two"]) == list(range(60))
    assert got["one"]
    assert got["two"]


def test_what_was_published_before_anybody_consumes_waits(bus: Bus, make_bus: MakeBus) -> None:
    got: list[Event] = []
    bus.subscribe("project.#", group="reports")(got.append)
    bus.declare()

    make_bus().publish(completed())
    assert bus.depth("reports") == 1
    bus.consume(until_empty=True)

    assert len(got) == 1
    assert bus.depth("reports") == 0


def test_a_group_that_comes_later_misses_nothing_that_is_published_after(bus: Bus, make_bus: MakeBus) -> None:
    producer = make_bus()
    producer.publish(completed(1))  # nobody wants it, and the producer knows the bindings now
    got: list[int] = []
    bus.subscribe("project.#", group="late")(lambda event: got.append(event.data["n"]))
    bus.declare()

    producer.publish(completed(2))
    producer.publish_many([completed(3), completed(4)])
    bus.consume(until_empty=True)

    assert got == [2, 3, 4]


def test_a_group_may_have_several_patterns_and_handlers(bus: Bus) -> None:
    got: list[str] = []
    bus.subscribe("project.#", group="reports")(lambda event: got.append(f"1 {event.topic}"))
    bus.subscribe("*.p1.#", group="reports")(lambda event: got.append(f"2 {event.topic}"))

    bus.publish_many([completed(1), completed(2)])
    bus.consume(until_empty=True)

    assert sorted(got) == ["1 project.p1.completed", "1 project.p2.completed", "2 project.p1.completed"]


def test_a_pattern_that_was_taken_away_brings_nothing_more(bus: Bus, make_bus: MakeBus) -> None:
    producer = make_bus()
    bus.subscribe("project.#", group="reports")(lambda _: None)
    bus.declare()
    producer.publish(completed(1))

    bus.unsubscribe("project.#", group="reports")
    producer.publish(completed(2))

    assert bus.depth("reports") == 1


def test_a_group_that_is_removed_leaves_nothing(bus: Bus, make_bus: MakeBus) -> None:
    bus.subscribe("project.#", group="reports")(lambda _: None)
    bus.publish(completed())

    other = make_bus()
    other.remove_group("reports")
    other.publish(completed())

    assert other.depth("reports") == 0


def test_a_group_that_nobody_knows_is_refused(bus: Bus) -> None:
    with pytest.raises(GroupUnknown):
        bus.consume("reports", seconds=1)
