"""Processes and brokers are killed, really, and no event is lost; what is handled twice is bounded."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_site.bus.bus import Bus
from orchestrator_site.bus.events import Event
from orchestrator_site.clock import new_id
from tests.bus.conftest import Broker

GROUP = "things"
SEED = int(os.environ.get("SEED", "20261121"))


class Workers:
    """Processes of ``worker.py``, and what the consumers among them have handled."""

    def __init__(self, broker: Broker, prefix: str, folder: Path) -> None:
        self.file = folder / "handled"
        self.folder = folder
        self.common = {
            "url": broker.url, "ledger": broker.ledger.url, "prefix": prefix, "group": GROUP, "file": str(self.file),
        }  # fmt: skip
        self.running: list[subprocess.Popen[str]] = []

    def start(self, what: str, fault: str = "", **given: Any) -> subprocess.Popen[str]:
        environment = os.environ | {"PHASEGATE_FAULT": fault}
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.bus.worker", what, json.dumps(self.common | given)],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.running.append(process)
        return process

    def consumer(self, fault: str = "", **given: Any) -> subprocess.Popen[str]:
        process = self.start("consume", fault, **given)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", (self.folder / "log").read_text()[-2000:]
        return process

    def handled(self) -> Counter[int]:
        return Counter(map(int, self.file.read_text().split())) if self.file.exists() else Counter()

    def wait(self, over: Callable[[Counter[int]], bool], seconds: float = 40) -> Counter[int]:
        until = time.monotonic() + seconds
        while not over(self.handled()):
            log = self.folder / "log"
            assert time.monotonic() < until, f"{len(self.handled())} handled\n{log.read_text()[-3000:]}"
            time.sleep(0.05)
        return self.handled()

    def close(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait(10)


@pytest.fixture
def workers(broker: Broker, bus: Bus, tmp_path: Path) -> Iterator[Workers]:
    bus.subscribe("thing.#", group=GROUP)(lambda _: None)
    bus.declare()
    found = Workers(broker, bus.names.prefix, tmp_path)
    yield found
    found.close()


def things(count: int) -> list[Event]:
    return [Event("thing.made", {"n": n}) for n in range(count)]


def all_of(count: int) -> Callable[[Counter[int]], bool]:
    return lambda handled: len(handled) >= count


def test_a_consumer_is_killed_with_messages_in_hand_and_another_handles_them(bus: Bus, workers: Workers) -> None:
    bus.publish_many(things(200))
    first = workers.consumer(seconds=0.02)
    workers.wait(all_of(10))
    first.kill()
    before = workers.handled()

    workers.consumer()
    handled = workers.wait(all_of(200))

    assert set(handled) == set(range(200))
    twice = sum(count - 1 for count in handled.values())
    assert twice <= 15  # what is marked at most every 0.2 s: some ten events of 0.02 s
    assert len(before) < 200


def test_a_death_between_handling_and_marking_is_a_second_delivery_not_a_loss(bus: Bus, workers: Workers) -> None:
    bus.publish_many(things(5))
    first = workers.consumer("bus.handled:kill")
    assert first.wait(10) == -signal.SIGKILL
    assert workers.handled() == Counter(range(5))

    workers.consumer()

    assert workers.wait(lambda handled: sum(handled.values()) >= 10) == Counter(dict.fromkeys(range(5), 2))


def test_a_death_between_marking_and_acknowledging_is_no_second_handling(bus: Bus, workers: Workers) -> None:
    bus.publish_many(things(5))
    first = workers.consumer("bus.marked:kill")
    assert first.wait(10) == -signal.SIGKILL

    second = workers.consumer()
    bus.publish(Event("thing.made", {"n": 99}))
    workers.wait(lambda handled: 99 in handled)
    time.sleep(2.5)  # the killed one's messages have come back by now
    second.send_signal(signal.SIGTERM)

    assert second.wait(10) == 0
    assert workers.handled() == Counter([*range(5), 99])
    assert bus.depth(GROUP) == 0


def test_an_event_that_kills_its_consumer_is_buried_and_those_beside_it_are_handled(bus: Bus, workers: Workers) -> None:
    bus.publish_many(things(20))  # one message
    deaths = 0
    until = time.monotonic() + 60
    while not bus.dead_letters(GROUP):
        assert time.monotonic() < until
        process = workers.consumer(deadly=[7], max_deliveries=3)
        while process.poll() is None and not bus.dead_letters(GROUP):
            time.sleep(0.1)
        deaths += process.poll() is not None
    handled = workers.wait(all_of(19))
    [letter] = bus.dead_letters(GROUP)

    assert set(handled) == set(range(20)) - {7}
    assert deaths == 3
    assert letter.event is not None
    assert letter.event.data == {"n": 7}
    assert letter.reason == "too_many_deliveries"
    assert max(handled.values()) <= 2


def test_consumers_are_killed_at_any_moment_and_nothing_is_lost(bus: Bus, workers: Workers) -> None:
    random.seed(SEED)
    count = 1500
    publishing = threading.Thread(target=lambda: [bus.publish(each) for each in things(count)], daemon=True)
    publishing.start()
    for _ in range(6):
        running = [workers.consumer(batch=20), workers.consumer(batch=20)]
        time.sleep(random.uniform(0.05, 0.6))
        for process in running:
            process.kill()
    publishing.join()

    workers.consumer()
    handled = workers.wait(all_of(count))

    assert set(handled) == set(range(count)), f"SEED={SEED}"
    assert bus.dead_letters(GROUP) == []


def test_a_producer_is_killed_in_a_batch_and_sends_it_again(bus: Bus, workers: Workers, tmp_path: Path) -> None:
    ids = tmp_path / "ids"
    ids.write_text("".join(f"{new_id()}\n" for _ in range(2000)))
    producer = workers.start("publish", ids=str(ids), step=100)
    assert producer.stdout is not None
    producer.stdout.readline()
    producer.kill()
    producer.wait(10)

    again = workers.start("publish", ids=str(ids), step=2000)
    assert again.wait(30) == 0
    workers.consumer()
    handled = workers.wait(all_of(2000))
    time.sleep(0.5)

    assert handled == workers.handled() == Counter(range(2000))


def test_the_broker_is_killed_and_started_again_and_what_was_published_arrives(
    broker: Broker, bus: Bus, workers: Workers, tmp_path: Path
) -> None:
    ids = tmp_path / "ids"
    ids.write_text("".join(f"{new_id()}\n" for _ in range(3000)))
    workers.consumer()
    time.sleep(2)  # RabbitMQ forgets a quorum queue that it made less than about a second before it was killed
    said: list[int] = []

    def publish_all() -> None:
        # A producer that gives up is started again by its supervisor, with the same events.
        while True:
            producer = workers.start("publish", ids=str(ids), step=50, pause=0.02)
            assert producer.stdout is not None
            said.extend(int(line) for line in producer.stdout)
            if producer.wait(60) == 0:
                return

    publishing = threading.Thread(target=publish_all, daemon=True)
    publishing.start()
    workers.wait(all_of(300))
    broker.server.kill()
    time.sleep(0.5)
    broker.server.start()
    publishing.join(90)
    handled = workers.wait(all_of(3000))

    assert not publishing.is_alive()
    assert said[-1] == 3000
    assert set(handled) == set(range(3000))
