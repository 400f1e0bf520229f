"""Agents behind real addresses, for tests: what one answers is the test's to say, and each request is written down."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from agents import dispatching
from agents.models import Agent
from agents.resilience import services as guards
from agents.services import candidates, registration
from orchestrator_site.access.actors import system_actor
from tests.conformance.agents import SECRET

ENVIRONMENT = {
    "PHASEGATE_EGRESS_ALLOW": "127.0.0.0/8",
    "PHASEGATE_AGENT_SECRETS": "SEC@127.0.0.1",
    "SEC": SECRET,
}


@dataclass
class Reply:
    """What is sent."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


Speak = Callable[[dict[str, Any]], Reply]


class Remote:
    """A server that is posted to. ``speak`` takes the envelope and says what to answer; the name, where it is none."""

    def __init__(self, name: str, speak: Speak | None = None) -> None:
        self.name = name
        self.speak: Speak = speak or (lambda envelope: Reply(200, {"result": {"by": name}}))
        self.envelopes: list[dict[str, Any]] = []
        self.running = self.most = 0
        self._lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        """Where work is posted to."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/work"

    @property
    def keys(self) -> list[str]:
        """The idempotency keys that it was given, in order."""
        return [str(envelope["idempotency_key"]) for envelope in self.envelopes]

    @property
    def token(self) -> str:
        """The lease token of the last work that came."""
        return str(self.envelopes[-1]["lease_token"])

    def register(self, **fields: Any) -> Agent:
        """Register it, as whoever runs it would."""
        given = {"capabilities": {"skill": "1.0.0"}, **fields}
        settings = {"url": self.url, "secret": "env:SEC", **given.pop("settings", {})}
        made = registration.register(name=self.name, transport="http", actor="test", settings=settings, **given)
        dispatching.reset()  # what this process knows of the registry may be a quarter of a second old
        return made.agent

    def close(self) -> None:
        """Listen no more."""
        self.server.shutdown()
        self.server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        remote = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                envelope = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with remote._lock:
                    remote.envelopes.append(envelope)
                    remote.running += 1
                    remote.most = max(remote.most, remote.running)
                try:
                    reply = remote.speak(envelope)
                finally:
                    with remote._lock:
                        remote.running -= 1
                with contextlib.suppress(OSError):
                    self.send(reply)

            def send(self, reply: Reply) -> None:
                sent = b"" if reply.body is None else json.dumps(reply.body).encode()
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(sent)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        return Handler


@contextlib.contextmanager
def remotes() -> Iterator[Callable[..., Remote]]:
    """Makes agents, which are registered and closed at the end."""
    made: list[Remote] = []

    def make(name: str, speak: Speak | None = None, **fields: Any) -> Remote:
        made.append(remote := Remote(name, speak))
        remote.register(**fields)
        return remote

    yield make
    for remote in made:
        remote.close()


def fails(envelope: dict[str, Any]) -> Reply:
    """An agent that cannot do anything."""
    return Reply(500, {"title": "The tool broke."})


def accepts(envelope: dict[str, Any]) -> Reply:
    """An agent that will answer later."""
    return Reply(202, {"within": 30})


def open_circuit(name: str) -> None:
    """Let nothing through to an agent, as an operator can."""
    guards.force(candidates.by_name(name).id, "open", actor=system_actor())
    dispatching.reset()


def close_circuit(name: str) -> None:
    """Leave its circuit to itself again."""
    guards.force(candidates.by_name(name).id, "auto", actor=system_actor())
    dispatching.reset()
