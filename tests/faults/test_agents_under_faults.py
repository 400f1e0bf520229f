"""Steps at agents behind addresses while workers, agents and Redis die: each has its effect once, and all go on."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agents import dispatching
from agents.services import candidates, registration
from agents.services.heartbeats import beat
from orchestrator_site.conf import conf
from projects.models import Attempt, Project, Step
from tests.behaviour.remote import ENVIRONMENT, Remote, Reply, remotes
from tests.builders import look, project_of, step
from tests.faults.invariants import check
from tests.faults.site import Site, over, wait_until
from tests.faults.test_guards_without_redis import Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.workers]

Make = Callable[..., Remote]
MANY = """
phases:
  - key: p
    steps:
      - {{key: list, agent: counts, params: {{n: {}}}}}
      - {{key: a, capability: skill, queue: io, route: {}, needs: [list], for_each: results.list.items,
         params: {{n: "${{item}}"}}, retry: {{max_attempts: 10, base: 0.05, cap: 0.2}}}}
"""


@pytest.fixture
def remote(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Agents of this process; the workers of the site may call them."""
    settings = ENVIRONMENT | {"PHASEGATE_PLACE_SECONDS": "3"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    conf.cache_clear()
    site.environment |= settings
    with remotes() as make:
        yield make
    monkeypatch.undo()
    conf.cache_clear()


def performers(project: Project) -> list[str]:
    done = Attempt.objects.filter(step__project=project, outcome="completed").exclude(performer="")
    return list(done.order_by("finished_at").values_list("performer", flat=True))


def all_done(project: Project) -> None:
    failed = Step.objects.filter(project=project, state="failed").values_list("key", "error")
    assert look(project).state == "completed", list(failed[:3])


def test_a_worker_killed_in_a_call_has_the_same_key_sent_again(site: Site, remote: Make) -> None:
    first, effects = threading.Event(), set[str]()

    def speak(envelope: dict[str, Any]) -> Reply:
        effects.add(envelope["idempotency_key"])
        if not first.is_set():
            first.set()
            time.sleep(8)  # the worker does not live to hear the answer
        return Reply(200, {"result": len(effects)})

    agent = remote("counted-far", speak)
    site.start("control", "io", "beat")
    project = project_of("phases: [{key: p, steps: [{key: a, agent: counted-far}]}]")
    wait_until(first.is_set, site=site)

    site.kill("io")
    site.start("io again")
    wait_until(over(project), site=site)

    all_done(project)
    assert (len(agent.keys), len(effects)) == (2, 1)
    assert list(Attempt.objects.order_by("number").values_list("outcome", flat=True)) == ["lost", "completed"]


# --- the agent dies --------------------------------------------------------------------------------------------------

TEN_LINES = """
import json, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Agent(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(0.02)
        body = json.dumps({"result": "ours"}).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Agent).serve_forever()
"""


class Ours:
    """An agent of ten lines, as a process of its own."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as plug:
            self.port = plug.getsockname()[1]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", TEN_LINES, str(self.port)], stderr=subprocess.DEVNULL, start_new_session=True
        )
        wait_until(self._listens, 20)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)


def test_an_agent_that_dies_is_replaced_by_another_and_gets_steps_again_when_it_is_back(
    site: Site, remote: Make
) -> None:
    other = remote("other", priority=0)
    ours = Ours()
    try:
        registration.register(
            name="ours",
            transport="http",
            actor="test",
            capabilities={"skill": "1.0.0"},
            priority=9,
            settings={
                "url": f"http://127.0.0.1:{ours.port}/",
                "secret": "env:SEC",
                "resilience": {"circuit": {"failures": 3, "pause": 0.5, "longest_pause": 1}},
            },
        )
        dispatching.reset()
        site.start("control", "cpu", "io", "beat")
        project = project_of(MANY.format(60, "priority"))
        wait_until(lambda: performers(project).count("ours") > 5, site=site)

        ours.kill()
        wait_until(over(project), 60, site=site)
        all_done(project)
        served = performers(project)
        assert served.count("ours") > 5
        assert other.envelopes
        tries = Attempt.objects.filter(step__project=project, performer="ours", outcome="failed").count()
        assert 3 <= tries < 30, "its circuit keeps steps from it"

        ours.start()

        def back() -> bool:
            next_one = project_of(MANY.format(5, "priority"))
            wait_until(over(next_one), 30, site=site)
            return "ours" in performers(next_one)

        wait_until(back, 60, site=site)
    finally:
        ours.kill()


# --- Redis dies ------------------------------------------------------------------------------------------------------


def test_without_the_redis_of_the_guards_steps_go_on_and_nothing_is_done_twice(
    site: Site, remote: Make, tmp_path: Path
) -> None:
    guards = Server(tmp_path)
    guards.start()
    site.environment["CACHE_URL"] = guards.url

    def speak(envelope: dict[str, Any]) -> Reply:
        time.sleep(0.03)
        return Reply(200, {"result": envelope["params"]["n"]})

    agent = remote("far", speak)
    site.start("control", "cpu", "io", "beat")
    project = project_of(MANY.format(120, "least_loaded"))
    try:
        wait_until(lambda: len(agent.keys) > 10, site=site)
        guards.signal(signal.SIGKILL)
        killed_at = len(agent.keys)
        wait_until(lambda: len(agent.keys) > killed_at + 20, site=site)
        guards.start()
        wait_until(over(project), 60, site=site)
    finally:
        guards.signal(signal.SIGKILL)

    all_done(project)
    assert len(agent.keys) == len(set(agent.keys)) == 120
    check(project, Counter(), effects=False)


# --- workers die, many times -----------------------------------------------------------------------------------------


def rounds_of_killing(site: Site, remote: Make, rounds: int) -> None:
    keys: list[str] = []

    def speak(envelope: dict[str, Any]) -> Reply:
        time.sleep(0.08)
        keys.append(envelope["idempotency_key"])
        return Reply(200, {"result": envelope["params"]["n"]})

    agent = remote("narrow", speak, max_concurrency=3)
    # A process that does not hear of Redis for a moment guards alone, and two of them let six calls through: that is
    # another promise than the one that is tried here, on a machine that may stand still for a moment.
    site.environment["PHASEGATE_RESILIENCE_TIMEOUT_SECONDS"] = "5"
    site.environment["PHASEGATE_CRASH_LIMIT"] = "100"  # so many workers die that some step meets three of them
    site.start("control", "cpu", "io", "io two", "beat")
    count = 40 * rounds
    project = project_of(MANY.format(count, "least_loaded"))
    for number in range(rounds):
        seen = len(agent.envelopes)
        beat(candidates.by_name("narrow").id)  # an agent that is silent for five minutes is taken for gone
        wait_until(lambda seen=seen: len(agent.envelopes) > seen + 5 or over(project)(), 60, site=site)  # type: ignore[misc]
        name = ("io", "io two")[number % 2]
        site.kill(name)
        site.start(name)
    wait_until(over(project), 60 + count / 5, site=site)

    all_done(project)
    assert agent.most <= 3, f"{agent.most} calls at once where 3 are allowed"
    assert agent.most == 3, "the bulkhead was never full, so nothing was shown"
    assert len(set(keys)) == count, "each step has one key, whoever asked for it and how often"
    assert step(project, "a").state == "completed"


def test_killed_workers_pass_no_limit_of_an_agent(site: Site, remote: Make) -> None:
    rounds_of_killing(site, remote, 3)


@pytest.mark.slow_faults
@pytest.mark.timeout(1800)
def test_a_hundred_killed_workers_pass_no_limit_of_an_agent(site: Site, remote: Make) -> None:
    rounds_of_killing(site, remote, 100)
