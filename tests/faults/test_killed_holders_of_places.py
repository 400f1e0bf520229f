"""Workers that hold places with an agent are killed: the limit is never passed, and no place is lost for good."""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.faults.holder import AGENT, open_desk
from tests.resilience.desks import redis_url

LIMIT = 3
HOLDERS = 6
LEASE = 1.5  # seconds; many times what a holder needs on a busy machine


class Measured(socketserver.ThreadingTCPServer):
    """Counts from outside who holds a place: a connection that is open is a place that is held."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Line)
        self.lock = threading.Lock()
        self.holding: set[int] = set()
        self.most = 0
        self.held = 0

    def began(self, pid: int) -> None:
        with self.lock:
            self.holding.add(pid)
            self.held += 1
            self.most = max(self.most, len(self.holding))

    def ended(self, pid: int) -> None:
        with self.lock:
            self.holding.discard(pid)


class Line(socketserver.StreamRequestHandler):
    """One place being held."""

    server: Measured

    def handle(self) -> None:
        pid = int(self.rfile.readline())
        self.server.began(pid)
        try:
            with contextlib.suppress(OSError):
                self.wfile.write(b".")
                self.rfile.read()  # until it is over, or its process dead
        finally:
            self.server.ended(pid)
        with contextlib.suppress(OSError):
            self.wfile.write(b".")


@pytest.fixture
def measured() -> Iterator[Measured]:
    with Measured() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


class Nursery:
    """Starts holders, and kills them."""

    def __init__(self, prefix: str, port: int) -> None:
        root = Path(__file__).resolve().parents[2]
        arguments = [redis_url(), prefix, str(port), str(LIMIT), str(LEASE)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.holder", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=root,
            text=True,
            start_new_session=True,
        )
        self.alive: set[int] = set()

    def start(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self.alive.add(int(self._process.stdout.readline()))

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        self.alive.discard(pid)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def rounds_of_killing(measured: Measured, rounds: int) -> None:
    prefix = f"test:{secrets.token_hex(4)}:"
    nursery = Nursery(prefix, measured.server_address[1])
    watcher = open_desk(redis_url(), prefix, LIMIT, LEASE)
    rng = random.Random(rounds)
    try:
        for _ in range(HOLDERS):
            nursery.start()
        for number in range(rounds):
            # Now and then the bulkhead is let fill up with the living, so that one of a full house is killed.
            victim = somebody_holding(measured, nursery, LIMIT if number % 4 == 0 else 1)
            time.sleep(rng.uniform(0.0, 0.03))  # anywhere in its work: holding, giving back, asking again
            nursery.kill(victim)
            nursery.start()
        for pid in tuple(nursery.alive):
            nursery.kill(pid)
        killed = time.monotonic()
        while running := watcher.standing([AGENT])[AGENT.id].running:
            assert time.monotonic() - killed < LEASE + 2.0, f"{running} places were leaked"
            time.sleep(0.01)
    finally:
        nursery.close()
        with Redis.from_url(redis_url()) as client:
            client.delete(*client.scan_iter(f"{prefix}*"))

    assert measured.most <= LIMIT, f"{measured.most} held {LIMIT} places at once"
    assert measured.most == LIMIT, "the bulkhead was never full, so nothing was shown"
    assert measured.held > rounds, "they held places, between and after the kills"


def somebody_holding(measured: Measured, nursery: Nursery, at_once: int) -> int:
    end = time.monotonic() + LEASE + 10.0
    while True:
        with measured.lock:
            holding = measured.holding & nursery.alive
        if len(holding) >= at_once:
            return min(holding)
        assert time.monotonic() < end, "nobody got a place any more"
        time.sleep(0.002)


def test_killed_holders_pass_no_limit_and_leak_no_place(measured: Measured) -> None:
    rounds_of_killing(measured, 8)


@pytest.mark.slow_faults
@pytest.mark.timeout(480)
def test_a_hundred_killed_holders_pass_no_limit_and_leak_no_place(measured: Measured) -> None:
    rounds_of_killing(measured, 100)
