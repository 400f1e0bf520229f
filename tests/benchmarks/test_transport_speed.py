"""What a transport adds to a call: to a function, and to a request that httpx2 makes by itself."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agents import agent, leasing
from agents.definition import find_agent
from agents.transports import TRANSPORTS, python
from agents.values import Performer, TransportName
from agents.wire.envelope import encoded, envelope
from orchestrator_site.clock import now
from orchestrator_site.conf import conf
from tests.benchmarks.figures import FIGURES, Figure
from tests.conformance.agents import SECRET, Context, work_of

ROUNDS = 7


@agent("counts-words")
def counts_words(context: Any) -> Any:
    """Does next to nothing."""
    return {"words": 3}


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setenv("PHASEGATE_EGRESS_ALLOW", "127.0.0.1")
    monkeypatch.setenv("PHASEGATE_AGENT_SECRETS", "SEC@127.0.0.1")
    monkeypatch.setenv("SEC", SECRET)
    conf.cache_clear()
    server = Path(__file__).with_name("answering.py")
    running = subprocess.Popen([sys.executable, str(server)], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    yield int(running.stdout.readline())
    running.kill()
    running.wait()
    running.stdout.close()
    monkeypatch.undo()
    conf.cache_clear()


def microseconds(work: Callable[[], object], times: int) -> list[float]:
    """How long each of so many calls took."""
    took = []
    for _ in range(times):
        began = time.perf_counter_ns()
        work()
        took.append((time.perf_counter_ns() - began) / 1e3)
    return sorted(took)


def best(ours: Callable[[], object], beside: Callable[[], object], times: int) -> dict[str, tuple[float, float]]:
    """p50 and p99 of both in microseconds, in turn; the best of several rounds, for the machine has other work."""
    found: dict[str, list[tuple[float, float]]] = {"ours": [], "beside": []}
    for _ in range(ROUNDS):
        for name, work in (("ours", ours), ("beside", beside)):
            took = microseconds(work, times)
            found[name].append((statistics.median(took), took[int(len(took) * 0.99)]))
    return {name: (min(p50 for p50, _ in each), min(p99 for _, p99 in each)) for name, each in found.items()}


def figures(what: str, found: dict[str, tuple[float, float]], bounds: tuple[float, float]) -> None:
    for place, share in enumerate(("p50", "p99")):
        ours, beside = found["ours"][place], found["beside"][place]
        FIGURES.append(
            Figure(f"{what}, {share}", f"{ours:.1f} us", f"{beside:.1f} us", ours / beside, bounds[0], bounds[1])
        )


def test_a_function_is_called_as_fast_as_before() -> None:
    """Beside: the call and its result as JSON, which the engine has done without a transport."""
    work = work_of("count")
    performer = Performer("p", "counts-words")
    context = Context(work)
    transport = TRANSPORTS[TransportName.PYTHON]

    def ours() -> object:
        return transport.perform(performer, work, context)

    def beside() -> object:
        return json.dumps(python.call(find_agent("counts-words"), context, timeout=10), allow_nan=False)

    found = best(ours, beside, 2000)
    figures("python agent, beside the bare call", found, (1.3, 1.1))
    assert found["ours"][0] < found["beside"][0] * 2


def test_a_request_costs_little_more_than_it_does_by_itself(port: int) -> None:
    """Beside: a client of httpx2 that posts the same body over a connection that it keeps."""
    url = f"http://127.0.0.1:{port}/"
    work = work_of("count", text="three little words")
    performer = Performer("h", "far", transport=TransportName.HTTP, settings={"url": url, "secret": "env:SEC"})
    context = Context(work)
    transport = TRANSPORTS[TransportName.HTTP]
    body = encoded(envelope(performer, work, now=now(), callbacks="https://phasegate.example")).encode()
    with httpx2.Client(trust_env=False) as client:

        def ours() -> object:
            return transport.perform(performer, work, context)

        def beside() -> object:
            return client.post(url, content=body, headers={"Content-Type": "application/json"}).json()

        found = best(ours, beside, 500)
    figures("http agent, beside raw httpx2", found, (1.5, 1.1))
    assert found["ours"][0] < found["beside"][0] * 3


def test_a_lease_token_costs_next_to_nothing() -> None:
    work = work_of("count")
    token = leasing.issue(work.step_id, 1)
    p50 = statistics.median(microseconds(lambda: leasing.read(token), 2000))

    FIGURES.append(Figure("lease token read, us", f"{p50:.1f} us", "", p50, 50, 20))
