"""What the bus promises on any broker, the same tests for each: one may look on, and who asks gets its answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator_site.bus.bus import Bus
from orchestrator_site.bus.errors import BusUnavailable, NoReply, RequestFailed
from orchestrator_site.bus.events import Event
from orchestrator_site.errors import NotFound
from tests.bus.any_broker import MakeBus, completed


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
