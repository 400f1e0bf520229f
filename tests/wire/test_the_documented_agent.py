"""The agent of the how-to page, run as it stands there."""

from __future__ import annotations

import json
import os
import queue
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agents import leasing
from agents.transports.http import HttpTransport
from agents.values import Accepted, Done, Performer, TransportName, Work
from orchestrator_site.conf import conf
from tests.conformance.agents import SECRET, Context, work_of

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "http_agent.py"
PAGE = (ROOT / "docs" / "how-to" / "agents-over-http.md").read_text(encoding="utf-8")


@pytest.fixture
def called_back() -> Iterator[Any]:
    """Where the agent calls back: what it posted, with the address."""
    heard: queue.Queue[tuple[str, Any]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.put((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", heard
    server.shutdown()
    server.server_close()


@pytest.fixture
def performer(called_back: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Performer]:
    monkeypatch.setenv("PHASEGATE_EGRESS_ALLOW", "127.0.0.1")
    monkeypatch.setenv("PHASEGATE_AGENT_SECRETS", "COUNTER_SECRET@127.0.0.1")
    monkeypatch.setenv("PHASEGATE_BASE_URL", called_back[0])
    monkeypatch.setenv("COUNTER_SECRET", SECRET)
    conf.cache_clear()
    running = subprocess.Popen(
        [sys.executable, str(EXAMPLE), "0"],
        env={**os.environ, "AGENT_SECRET": SECRET},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert running.stdout is not None
    url = running.stdout.readline().strip()
    yield Performer("w", "counter", transport=TransportName.HTTP, settings={"url": url, "secret": "env:COUNTER_SECRET"})
    running.kill()
    running.wait()
    running.stdout.close()
    monkeypatch.undo()
    conf.cache_clear()


def leased(**params: Any) -> Work:
    work = work_of("count", **params)
    return Work(
        **{name: getattr(work, name) for name in Work.__slots__} | {"lease_token": leasing.issue(work.step_id, 1)}
    )


def test_it_answers_at_once(performer: Performer) -> None:
    work = leased(text="three little words")
    HttpTransport().check(performer)

    assert HttpTransport().perform(performer, work, Context(work)) == Done({"words": 3})


def test_it_answers_later_by_its_lease_token(performer: Performer, called_back: Any) -> None:
    work = leased(text="three little words", later=True)

    assert HttpTransport().perform(performer, work, Context(work)) == Accepted(10.0)

    _, heard = called_back
    at = f"/api/v2/orchestrator/steps/{work.lease_token}"
    assert heard.get(timeout=5) == (f"{at}/heartbeat", {"details": {"counting": True}})
    assert heard.get(timeout=5) == (f"{at}/complete", {"result": {"words": 3}})


def test_it_works_for_nobody_else(performer: Performer) -> None:
    headers = {"webhook-id": "x", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
    forged = urllib.request.Request(performer.settings["url"], b'{"params": {"text": "x"}}', headers)  # noqa: S310

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(forged, timeout=5)  # noqa: S310
    assert refused.value.code == 401


def test_the_page_shows_the_agent_as_it_is_run() -> None:
    shown = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

    assert EXAMPLE.read_text(encoding="utf-8") in shown
