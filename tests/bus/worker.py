"""A process of the bus for tests to kill: ``consume`` or ``publish``, as its arguments say in JSON.

A consumer appends a line to a file for each event that it has handled; a line is one write, so a death leaves it
whole or not at all.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

from orchestrator_site.bus.bus import Bus, Options
from orchestrator_site.bus.events import Event
from orchestrator_site.bus.redelivery import Policy
from orchestrator_site.bus.wire import Limits


def bus_of(given: dict[str, Any]) -> Bus:
    options = Options(
        prefix=given["prefix"],
        batch=given.get("batch", 50),
        policy=Policy(max_deliveries=given.get("max_deliveries", 20), base=0.02, cap=0.1),
        limits=Limits(visibility=1.0, pack_events=given.get("pack", 20)),
    )
    return Bus(given["url"], ledger_url=given["ledger"], options=options)


def consume(given: dict[str, Any]) -> None:
    bus = bus_of(given)
    out = os.open(given["file"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    @bus.subscribe("thing.#", group=given["group"])
    def handle(event: Event) -> None:
        if event.data["n"] in given.get("deadly", ()):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(given.get("seconds", 0))
        os.write(out, f"{event.data['n']}\n".encode())

    signal.signal(signal.SIGTERM, lambda *_: bus.stop())
    bus.declare()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    bus.consume()


def publish(given: dict[str, Any]) -> None:
    """Publishes the events of a file, an id a line; says how many are safely published, after each call."""
    bus = bus_of(given)
    with open(given["ids"], encoding="utf-8") as lines:
        events = [Event("thing.made", {"n": n}, id=_id(line)) for n, line in enumerate(lines)]
    step = given.get("step", 100)
    for first in range(0, len(events), step):
        bus.publish_many(events[first : first + step])
        sys.stdout.write(f"{first + len(events[first : first + step])}\n")
        sys.stdout.flush()
        time.sleep(given.get("pause", 0))


def _id(line: str) -> Any:
    from uuid import UUID

    return UUID(line.strip())


if __name__ == "__main__":
    {"consume": consume, "publish": publish}[sys.argv[1]](json.loads(sys.argv[2]))
