"""What the bus promises on any broker: the same tests for each."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator_site.bus.bus import Bus
from orchestrator_site.bus.errors import BusUnavailable, EventRefused, GroupUnknown, NoReply, RequestFailed
from orchestrator_site.bus.events import Event
from orchestrator_site.bus.redelivery import Policy
from orchestrator_site.bus.wire import Outgoing
from orchestrator_site.errors import NotFound

MakeBus = Callable[..., Bus]


def completed(number: int = 1) -> Event:
    return Event("project.completed", {"n": number}, topic=f"project.p{number}.completed")


# --- topics and groups -------------------------------------------------------------------------------------------


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


# --- dead letters ------------------------------------------------------------------------------------------------


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


# --- looking on, and asking --------------------------------------------------------------------------------------


def test_a_tail_sees_what_is_published_and_takes_nothing_away(bus: Bus, make_bus: MakeBus) -> None:
    got: list[Event] = []
    bus.subscribe("project.#", group="reports")(got.append)
    bus.declare()
    seen: list[Event] = []
    watching = threading.Thread(target=lambda: seen.extend(make_bus().tail("project.*.completed", seconds=2)))
    watching.start()
    time.sleep(0.7)

    bus.publish_many([completed(1), Event("project.failed", topic="project.p1.failed")])
    bus.consume(until_empty=True)
    watching.join()

    assert [event.topic for event in seen] == ["project.p1.completed"]
    assert len(got) == 2


@pytest.fixture
def answering(make_bus: MakeBus) -> Any:
    """Starts a bus that consumes in a thread, once its handlers are there."""
    running: list[tuple[Bus, threading.Thread]] = []

    def start(bus: Bus) -> None:
        bus.declare()
        thread = threading.Thread(target=bus.consume)
        thread.start()
        running.append((bus, thread))

    yield start
    for bus, thread in running:
        while thread.is_alive():
            bus.stop()
            thread.join(0.2)


def test_a_request_gets_its_reply(bus: Bus, make_bus: MakeBus, answering: Callable[[Bus], None]) -> None:
    agent = make_bus()
    agent.answers("agent:pricing")(lambda event: {"price": event.data["n"] * 2})
    answering(agent)

    assert [bus.request("agent:pricing", "price.asked", {"n": n}, timeout=10) for n in range(5)] == [
        {"price": n * 2} for n in range(5)
    ]


def test_one_of_those_with_a_capability_answers(bus: Bus, make_bus: MakeBus, answering: Callable[[Bus], None]) -> None:
    calls: list[str] = []
    for name in ("one", "two"):
        agent = make_bus()

        def answer(_: Event, name: str = name) -> str:
            calls.append(name)
            return name

        agent.answers("capability:research.rivals")(answer)
        answering(agent)

    replies = [bus.request("capability:research.rivals", "rivals.asked", timeout=10) for _ in range(4)]

    assert replies == calls


def test_askers_in_several_threads_get_their_own_replies(
    bus: Bus, make_bus: MakeBus, answering: Callable[[Bus], None]
) -> None:
    agent = make_bus()
    agent.answers("agent:echo")(lambda event: event.data)
    answering(agent)
    got: dict[int, list[Any]] = {n: [] for n in range(3)}

    def ask(n: int) -> None:
        got[n] += [bus.request("agent:echo", "said", [n, i], timeout=20) for i in range(5)]

    threads = [threading.Thread(target=ask, args=(n,)) for n in got]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert got == {n: [[n, i] for i in range(5)] for n in range(3)}


def test_a_request_that_fails_says_so_and_is_not_tried_again(
    bus: Bus, make_bus: MakeBus, answering: Callable[[Bus], None]
) -> None:
    agent, calls = make_bus(), []

    @agent.answers("agent:pricing")
    def answer(_: Event) -> None:
        calls.append(1)
        raise NotFound("no such product")

    answering(agent)
    with pytest.raises(RequestFailed, match="no such product") as failed:
        bus.request("agent:pricing", "price.asked", timeout=10)

    assert failed.value.details["code"] == "not_found"
    assert len(calls) == 1


def test_a_request_that_nobody_answers_ends_in_time(bus: Bus) -> None:
    began = time.monotonic()
    with pytest.raises(NoReply):
        bus.request("agent:nobody", "price.asked", timeout=0.5)

    assert 0.4 < time.monotonic() - began < 3


def test_a_request_is_no_means_to_write_into_another_queue(
    bus: Bus, make_bus: MakeBus, answering: Callable[[Bus], None]
) -> None:
    bus.subscribe("project.#", group="reports")(lambda _: None)
    bus.declare()
    agent, answered = make_bus(), threading.Event()
    agent.answers("agent:pricing")(lambda _: answered.set())
    answering(agent)

    bus.send("agent:pricing", "price.asked", reply_to=bus.names.queue("reports"))

    assert answered.wait(10)
    time.sleep(0.2)
    assert bus.depth("reports") == 0


def test_a_message_to_an_agent_waits_until_it_comes(bus: Bus, make_bus: MakeBus) -> None:
    agent, got = make_bus(), []
    agent.answers("role:scout")(lambda event: got.append(event.data))
    agent.declare()

    bus.send("role:scout", "go", {"where": "north"})
    agent.consume(until_empty=True)

    assert got == [{"where": "north"}]


def test_a_broker_that_is_not_there_is_an_error_within_seconds() -> None:
    bus = Bus("redis://127.0.0.1:1/0")
    began = time.monotonic()
    with pytest.raises(BusUnavailable):
        bus.publish(completed())
    assert time.monotonic() - began < 10
