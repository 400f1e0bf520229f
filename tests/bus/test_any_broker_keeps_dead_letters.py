"""What the bus promises on any broker, the same tests for each: what cannot be handled is kept, with its reason."""

from __future__ import annotations

import json

import pytest

from orchestrator_site.bus.bus import Bus
from orchestrator_site.bus.errors import EventRefused
from orchestrator_site.bus.events import Event
from orchestrator_site.bus.wire import Outgoing
from tests.bus.any_broker import MakeBus, completed


def test_what_always_fails_becomes_a_dead_letter_with_its_reason(bus: Bus) -> None:
    @bus.subscribe("project.#", group="reports")
    def handle(_: Event) -> None:
        raise ValueError("no such thing")

    event = completed()
    bus.publish(event)
    bus.consume(until_empty=True)
    [letter] = bus.dead_letters("reports")

    assert letter.id == str(event.id)
    assert letter.reason == "too_many_deliveries"
    assert letter.error == "ValueError: no such thing"
    assert letter.deliveries == 3
    assert letter.topic == "project.p1.completed"
    assert letter.event == event
    assert letter.at


def test_what_a_handler_refuses_is_not_tried_again(bus: Bus) -> None:
    tries: list[int] = []

    @bus.subscribe("project.#", group="reports")
    def handle(_: Event) -> None:
        tries.append(1)
        raise EventRefused("of no use")

    bus.publish(completed())
    bus.consume(until_empty=True)

    assert len(tries) == 1
    assert [letter.reason for letter in bus.dead_letters("reports")] == ["refused"]


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"{", "application/cloudevents+json"),
        (b"[1", "application/cloudevents-batch+json"),
        (b"\xff\xfe", "application/cloudevents+json"),
        (b"hello", "text/plain"),
    ],
)
def test_a_message_that_cannot_be_read_is_buried_and_the_next_handled(bus: Bus, body: bytes, media_type: str) -> None:
    got: list[Event] = []
    bus.subscribe("project.#", group="reports")(got.append)
    bus.declare()

    bus._put(Outgoing(bus.names.queue("reports"), body, media_type, {"tenant": "seven"}))
    bus.publish(completed())
    tally = bus.consume(until_empty=True)
    [letter] = bus.dead_letters("reports")

    assert len(got) == 1
    assert (tally.handled, tally.buried) == (1, 1)
    assert letter.reason == "unreadable"
    assert letter.headers["tenant"] == "seven"
    assert letter.event is None
    assert letter.body or body


def test_one_event_that_cannot_be_read_does_not_take_its_message_along(bus: Bus) -> None:
    got: list[Event] = []
    bus.subscribe("project.#", group="reports")(got.append)
    bus.declare()
    good = completed()
    from orchestrator_site.bus.encoding import MANY, encode_each

    body = b"[" + encode_each([good])[0] + b',{"no":"event"}]'
    bus._put(Outgoing(bus.names.queue("reports"), body, MANY))
    bus.consume(until_empty=True)

    assert got == [good]
    [letter] = bus.dead_letters("reports")
    assert json.loads(letter.body) == {"no": "event"}


def test_what_nobody_handles_is_kept_among_the_dead(bus: Bus, make_bus: MakeBus) -> None:
    bus.subscribe("project.#", group="reports")(lambda _: None)
    bus.declare()
    older = make_bus()
    older.subscribe("step.#", group="reports")(lambda _: None)

    bus.publish(completed())
    older.consume(until_empty=True)

    assert [letter.reason for letter in bus.dead_letters("reports")] == ["no_handler"]


def test_dead_letters_are_listed_in_their_order_as_often_as_one_likes(bus: Bus) -> None:
    @bus.subscribe("project.#", group="reports")
    def handle(_: Event) -> None:
        raise EventRefused

    bus.publish_many([completed(n) for n in range(5)])
    bus.consume(until_empty=True)

    for _ in range(3):
        assert [each.event.data["n"] for each in bus.dead_letters("reports") if each.event] == [0, 1, 2, 3, 4]
    assert [each.event.data["n"] for each in bus.dead_letters("reports", most=2) if each.event] == [0, 1]


def test_a_dead_letter_is_delivered_again_when_it_is_redriven(bus: Bus) -> None:
    broken = True
    got: list[int] = []

    @bus.subscribe("project.#", group="reports")
    def handle(event: Event) -> None:
        if broken:
            raise OSError("down")
        got.append(event.data["n"])

    events = [completed(n) for n in range(3)]
    bus.publish_many(events)
    bus.consume(until_empty=True)
    broken = False

    assert bus.redrive("reports", {str(events[1].id)}) == 1
    bus.consume(until_empty=True)
    assert got == [1]
    assert bus.redrive("reports") == 2
    bus.consume(until_empty=True)

    assert sorted(got) == [0, 1, 2]
    assert bus.dead_letters("reports") == []


def test_a_redriven_letter_gets_all_its_deliveries_again(bus: Bus) -> None:
    tries: list[int] = []

    @bus.subscribe("project.#", group="reports")
    def handle(_: Event) -> None:
        tries.append(1)
        raise OSError("down")

    bus.publish(completed())
    bus.consume(until_empty=True)
    bus.redrive("reports")
    bus.consume(until_empty=True)

    assert len(tries) == 6
    assert len(bus.dead_letters("reports")) == 1


def test_dead_letters_are_dropped_one_or_all(bus: Bus) -> None:
    @bus.subscribe("project.#", group="reports")
    def handle(_: Event) -> None:
        raise EventRefused

    events = [completed(n) for n in range(3)]
    bus.publish_many(events)
    bus.consume(until_empty=True)

    assert bus.drop_dead_letters("reports", {str(events[0].id)}) == 1
    assert [letter.id for letter in bus.dead_letters("reports")] == [str(events[1].id), str(events[2].id)]
    assert bus.drop_dead_letters("reports") == 2
    assert bus.dead_letters("reports") == []


def test_groups_that_were_never_there_have_no_dead_letters(bus: Bus) -> None:
    assert bus.dead_letters("nobody") == []
    assert bus.redrive("nobody") == 0
