"""A nursery of processes that take places with an agent and hold them, for tests that kill them.

``python -m tests.faults.holder REDIS PREFIX PORT LIMIT LEASE``: each line read starts a holder, whose process id is
written. A holder connects to the port while it holds a place, so that the kernel tells whoever listens when it dies.
"""

from __future__ import annotations

import os
import random
import socket
import sys
import time
from functools import partial

from agents.resilience.desk import Desk, House
from agents.resilience.link import Link
from agents.resilience.rules import Rules
from agents.resilience.shared import Shared
from agents.resilience.values import Refused
from agents.values import Performer

AGENT = Performer("killed", "killed")


def open_desk(url: str, prefix: str, limit: int, lease: float) -> Desk:
    """A desk as each holder has one. Redis is given time, since it is not what fails here."""
    house = House(Rules(places=limit, lease=lease), project_places=1000, stale=0.0)
    return Desk(house, partial(Link, url, 10.0), list, partial(Shared, prefix=prefix))


def hold(desk: Desk, port: int) -> None:
    """Take a place, hold it for a while as the one who listens can see, give it back; for ever."""
    while True:
        place = desk.admit(AGENT, "p", f"holder-{os.getpid()}")
        if isinstance(place, Refused):
            time.sleep(random.uniform(0.001, 0.02))
            continue
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(f"{os.getpid()}\n".encode())
            line.recv(1)  # seen
            time.sleep(random.uniform(0.0, 0.05))
            desk.renew()
            line.shutdown(socket.SHUT_WR)
            line.recv(1)  # seen to be over
        desk.release(place)


def main(url: str, prefix: str, port: str, limit: str, lease: str) -> None:
    """Start holders as they are asked for."""
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            hold(open_desk(url, prefix, int(limit), float(lease)), int(port))
        print(child, flush=True)  # noqa: T201 the answer on the line


if __name__ == "__main__":
    main(*sys.argv[1:])
