"""The same agent by each transport: what it does stands in its parameter ``do``."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from agents import agent
from agents.errors import AgentBusy, AgentFailure, PermanentFailure
from agents.transports.fake_llm import FakeLlm
from agents.values import Performer, TransportName, Work

SECRET = "whsec_" + "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0"
MEGABYTE = "x" * (1024 * 1024)
USAGE = {"tokens_in": 12, "tokens_out": 3, "cost": 0.25}


class Context:
    """A context of an attempt, written down as it is used."""

    def __init__(self, work: Work) -> None:
        self.inputs: Mapping[str, Any] = {}
        self.params = work.params
        self.results: Mapping[str, Any] = {}
        self.values: Mapping[str, Any] = {}
        self.documents: Sequence[Any] = ()
        self.intent = ""
        self.project_id = work.project_id
        self.step_key = work.step_key
        self.rework: Sequence[str] = ()
        self.idempotency_key = work.idempotency_key
        self.attempt = work.attempt
        self.logger = logging.getLogger("agents.test")
        self.beats: list[Mapping[str, Any]] = []
        self.used = {"tokens_in": 0, "tokens_out": 0, "cost": 0.0}
        self.cancelled_at = float("inf")

    def heartbeat(self, details: Mapping[str, Any] | None = None) -> None:
        self.beats.append(details or {})

    def cancelled(self) -> bool:
        return time.monotonic() >= self.cancelled_at

    def cancelled_for(self) -> float | None:
        over = time.monotonic() - self.cancelled_at
        return over if over >= 0 else None

    def emit(self, kind: str, data: Mapping[str, Any] | None = None) -> None:
        pass

    def record_usage(self, tokens_in: int = 0, tokens_out: int = 0, cost: float = 0.0) -> None:
        self.used["tokens_in"] += tokens_in
        self.used["tokens_out"] += tokens_out
        self.used["cost"] += cost


def work_of(do: str, *, attempt: int = 1, timeout: float = 10.0, **params: Any) -> Work:
    return Work(
        project_id=str(uuid4()),
        step_id=str(uuid4()),
        step_key="a",
        attempt=attempt,
        idempotency_key="key-of-the-step",
        params={"do": do, **params},
        timeout=timeout,
        lease_token="token",
    )


class ByPython:
    """A function of this process."""

    transport = TransportName.PYTHON
    settings: Mapping[str, Any] = {}

    def __init__(self) -> None:
        self.keys: list[str] = []
        _PYTHON["now"] = self.do

    def performer(self, do: str) -> Performer:
        return Performer("p", "conformance", settings=self.settings)

    def do(self, context: Context) -> Any:
        self.keys.append(context.idempotency_key)
        match context.params["do"]:
            case "unfit":
                return {1, 2}
            case "fail":
                raise AgentFailure("The tool broke.")
            case "fail for good":
                raise PermanentFailure("No such customer.")
            case "busy":
                raise AgentBusy("Later.", retry_after=2.0)
            case "hang":
                while not context.cancelled():
                    time.sleep(0.01)
                return None
            case "use":
                context.record_usage(**USAGE)
            case "work on":
                context.heartbeat({"half": True})
            case "much":
                return {"text": MEGABYTE}
        return {"said": context.params.get("said")}

    def result(self, said: str) -> Any:
        return {"said": said}

    def close(self) -> None:
        pass


_PYTHON: dict[str, Callable[[Any], Any]] = {}


@agent("conformance")
def conformance(context: Any) -> Any:
    """Does what its parameter says."""
    return _PYTHON["now"](context)


class ByHttp(ByPython):
    """A server that is posted to."""

    transport = TransportName.HTTP

    def __init__(self) -> None:
        self.keys = []
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.closing = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/work"

    def performer(self, do: str) -> Performer:
        return Performer("h", "remote", transport=TransportName.HTTP, settings={"url": self.url, "secret": "env:SEC"})

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        test = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                test.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
                test.keys.append(self.headers["Idempotency-Key"])
                envelope = json.loads(body)
                try:
                    self.react(envelope["params"]["do"], envelope)
                except OSError:
                    self.close_connection = True

            def react(self, do: str, envelope: dict[str, Any]) -> None:
                said = {"result": {"said": envelope["params"].get("said")}}
                match do:
                    case "unfit":
                        self.send(200, b'{"result": NaN}')
                    case "fail":
                        self.send(500, {"title": "The tool broke."}, "application/problem+json")
                    case "fail for good":
                        self.send(422, {"title": "No such customer."}, "application/problem+json")
                    case "busy":
                        self.send(429, {"title": "Later."}, "application/problem+json", **{"Retry-After": "2"})
                    case "hang":
                        test.closing.wait(30)
                    case "use":
                        self.send(200, said | {"usage": USAGE})
                    case "work on":
                        self.drip(json.dumps(said).encode())
                    case "much":
                        self.send(200, {"result": {"text": MEGABYTE}})
                    case "too much":
                        self.send(200, {"result": MEGABYTE * 12})
                    case _:
                        self.send(200, said)

            def send(self, status: int, body: Any, kind: str = "application/json", **headers: str) -> None:
                sent = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": kind, "Content-Length": str(len(sent)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(sent)

            def drip(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                for place in range(0, len(body), 4):
                    self.wfile.write(body[place : place + 4])
                    self.wfile.flush()
                    test.closing.wait(0.2)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        return Handler


class ByLlm(ByPython):
    """A language model."""

    transport = TransportName.LLM
    MODELS = {
        "unfit": "fake-bad-json",
        "fail": "fake-down",
        "fail for good": "fake-refuses",
        "busy": "fake-busy",
        "hang": "fake-slow",
        "work on": "fake-tool",
        "too much": "fake-huge",
    }
    SCHEMA = {"type": "object", "required": ["said"], "properties": {"said": {"type": "string"}}}

    def __init__(self) -> None:
        self.llm = FakeLlm()
        self.llm.__enter__()

    @property
    def keys(self) -> list[str]:  # type: ignore[override]
        return [headers["idempotency-key"] for headers in self.llm.headers]

    def performer(self, do: str) -> Performer:
        settings: dict[str, Any] = {
            "base_url": self.llm.base_url,
            "model": self.MODELS.get(do, "fake"),
            "instructions": "You are $agent. Say what the data says.",
            "output_schema": self.SCHEMA,
            "price": {"in": 2.0, "out": 10.0},
        }
        if do == "much":
            settings["output_schema"] = {"type": "object", "properties": {"text": {"type": "string"}}}
        if do == "work on":
            settings["tools"] = [{"agent": "helper", "parameters": self.SCHEMA}]
        return Performer("l", "model", transport=TransportName.LLM, settings=settings)

    def close(self) -> None:
        self.llm.close()


class ToolContext(Context):
    """A context that can call agents."""

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self.called: list[tuple[str, Mapping[str, Any]]] = []

    def call_agent(self, name: str, params: Mapping[str, Any], *, timeout: float) -> Any:
        self.called.append((name, params))
        return {"heard": params}
