"""A language model that is none: a local server that speaks the chat protocol, always gives the same answer to the same
question, and misbehaves as asked. For tests, demos and trying blueprints out without paying for tokens.

The name of the model says how it behaves; any other name behaves like ``fake``:

- ``fake``: answers with what the schema asks for, filled from the data by name; without a schema repeats the data
- ``fake-bad-json-once``: its first answer is no JSON; asked again it behaves
- ``fake-bad-json``: none of its answers is
- ``fake-long-once``: its first answer is cut off by the limit of tokens
- ``fake-tool``: calls the first tool once, with the arguments that the schema asks for, then answers
- ``fake-tool-forever``: calls it as long as it may, and then too
- ``fake-busy``: 429 with ``Retry-After: 2``, and so on for ever; ``fake-busy-once``: for the first of equal requests
- ``fake-slow``: sends nothing for a minute
- ``fake-down``: 500; ``fake-refuses``: 400; ``fake-key``: 401 without a key
- ``fake-huge``: an answer of 32 MB
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

SLOW_SECONDS = 60.0
HUGE_BYTES = 32 * 1024 * 1024
RETRY_AFTER = 2
_AGAIN = "That answer cannot be used."


@dataclass(frozen=True, slots=True)
class FakeReply:
    """What is sent: ``body`` as JSON."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


# --- what it says ----------------------------------------------------------------------------------------------------


def sample(schema: Mapping[str, Any], data: Any = None, root: Mapping[str, Any] | None = None) -> Any:
    """The plainest value that a schema asks for; properties that the data has too are taken from it."""
    root = root if root is not None else schema
    if "$ref" in schema:
        return sample(_within(root, schema["$ref"]), data, root)
    for fixed in ("const", "default"):
        if fixed in schema:
            return schema[fixed]
    for several in ("enum", "examples"):
        if schema.get(several):
            return schema[several][0]
    for branch in ("anyOf", "oneOf", "allOf"):
        if schema.get(branch):
            return sample(schema[branch][0], data, root)
    return _of_kind(schema, data, root)


def _of_kind(schema: Mapping[str, Any], data: Any, root: Mapping[str, Any]) -> Any:
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        given = data if isinstance(data, Mapping) else {}
        names = dict.fromkeys([*schema.get("required", ()), *schema.get("properties", {})])
        return {name: sample(schema.get("properties", {}).get(name, {}), given.get(name), root) for name in names}
    if kind == "array":
        return [sample(schema.get("items", {}), None, root) for _ in range(max(schema.get("minItems", 1), 1))]
    if kind == "string":
        text = data if isinstance(data, str) else "text"
        return text[: schema.get("maxLength", len(text))].ljust(schema.get("minLength", 0), "x")
    if kind in ("integer", "number"):
        return data if _is_number(data) else schema.get("minimum", schema.get("maximum", 1))
    return {"boolean": True, "null": None}.get(kind)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _within(root: Mapping[str, Any], reference: str) -> Mapping[str, Any]:
    part: Any = root
    for step in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
        part = part[step]
    return dict(part)


def _data_of(messages: list[dict[str, Any]]) -> Any:
    """The step's parameters, from the data that the first message of the user holds."""
    text = next((each["content"] for each in messages if each["role"] == "user"), "")
    inner = text.removeprefix("<data>").removesuffix("</data>")
    try:
        return json.loads(inner)["params"]
    except (ValueError, KeyError, TypeError):
        return text


def _content(asked: Mapping[str, Any]) -> str:
    data = _data_of(asked["messages"])
    formed = asked.get("response_format", {}).get("json_schema")
    if formed is None:
        return data if isinstance(data, str) else json.dumps(data, sort_keys=True)
    return json.dumps(sample(formed["schema"], data))


def completion(
    asked: Mapping[str, Any], content: str | None, *, finish: str = "stop", tool_calls: list[Any] | None = None
) -> FakeReply:
    """A completion as the protocol writes it; four bytes are a token."""
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if tool_calls:
        message["tool_calls"] = tool_calls
    read = len(json.dumps(asked["messages"])) // 4
    written = len((content or "") + json.dumps(tool_calls or "")) // 4
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    identity = f"chatcmpl-{_digest(asked)[:24]}"
    body = {"id": identity, "object": "chat.completion", "created": 0, "model": asked["model"], "choices": [choice]}
    return FakeReply(body | {"usage": usage})


def _digest(asked: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def failure(status: int, message: str, **headers: str) -> FakeReply:
    """An error as the protocol writes it."""
    return FakeReply({"error": {"message": message, "type": "fake", "code": None}}, status, headers)


# --- how it behaves --------------------------------------------------------------------------------------------------


class FakeLlm:
    """The server; ``with FakeLlm() as llm:`` it listens at ``llm.base_url``, and ``llm.requests`` are what came.

    ``port`` 0 takes any that is free. ``script`` answers in the place of the model named, where it gives an answer.
    """

    def __init__(self, port: int = 0, script: Callable[[Mapping[str, Any]], FakeReply | None] | None = None) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.closing = threading.Event()
        self._script = script
        self._seen: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler_of(self))
        self._server.daemon_threads = True

    @property
    def base_url(self) -> str:
        """What an agent names as its ``base_url``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def serve(self) -> None:
        """Answer until somebody closes it."""
        self._server.serve_forever(poll_interval=0.1)

    def close(self) -> None:
        """Stop, also those that are slow."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve, name="fake llm", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def answer(self, asked: dict[str, Any], headers: Mapping[str, str]) -> FakeReply:
        """What it says to one request."""
        self.requests.append(asked)
        self.headers.append({name.lower(): value for name, value in headers.items()})
        scripted = self._script(asked) if self._script is not None else None
        if scripted is not None:
            return scripted
        behave = _BEHAVIOURS.get(asked["model"])
        return behave(self, asked) if behave is not None else completion(asked, _content(asked))

    def first_of_its_like(self, asked: Mapping[str, Any]) -> bool:
        """Whether no equal request came before."""
        digest = _digest(asked)
        first = digest not in self._seen
        self._seen.add(digest)
        return first


def _again(asked: Mapping[str, Any]) -> bool:
    return any(str(each.get("content")).startswith(_AGAIN) for each in asked["messages"])


def _bad_json_once(_: FakeLlm, asked: dict[str, Any]) -> FakeReply:
    return completion(asked, _content(asked) if _again(asked) else "Sure! Here it is: {")


def _long_once(_: FakeLlm, asked: dict[str, Any]) -> FakeReply:
    whole = _content(asked)
    return completion(asked, whole) if _again(asked) else completion(asked, whole[: len(whole) // 2], finish="length")


def _tool(_: FakeLlm, asked: dict[str, Any]) -> FakeReply:
    called = any(each["role"] == "tool" for each in asked["messages"])
    return completion(asked, _content(asked)) if called or not asked.get("tools") else _calling(asked)


def _calling(asked: dict[str, Any]) -> FakeReply:
    function = asked["tools"][0]["function"]
    arguments = json.dumps(sample(function["parameters"], _data_of(asked["messages"])))
    number = sum(each["role"] == "tool" for each in asked["messages"]) + 1
    call = {"id": f"call_{number}", "type": "function", "function": {"name": function["name"], "arguments": arguments}}
    return completion(asked, None, finish="tool_calls", tool_calls=[call])


def _busy_once(llm: FakeLlm, asked: dict[str, Any]) -> FakeReply:
    return _busy(llm, asked) if llm.first_of_its_like(asked) else completion(asked, _content(asked))


def _busy(_: FakeLlm, asked: dict[str, Any]) -> FakeReply:
    return failure(429, "Rate limit reached", **{"Retry-After": str(RETRY_AFTER)})


def _slow(llm: FakeLlm, asked: dict[str, Any]) -> FakeReply:
    llm.closing.wait(SLOW_SECONDS)
    return completion(asked, _content(asked))


def _key(llm: FakeLlm, asked: dict[str, Any]) -> FakeReply:
    named = llm.headers[-1].get("authorization", "")
    return completion(asked, _content(asked)) if named else failure(401, "No key was given")


_BEHAVIOURS: dict[str, Callable[[FakeLlm, dict[str, Any]], FakeReply]] = {
    "fake-bad-json-once": _bad_json_once,
    "fake-bad-json": lambda _, asked: completion(asked, "Sure! Here it is: {"),
    "fake-long-once": _long_once,
    "fake-tool": _tool,
    "fake-tool-forever": lambda _, asked: _calling(asked),
    "fake-busy": _busy,
    "fake-busy-once": _busy_once,
    "fake-slow": _slow,
    "fake-down": lambda _, asked: failure(500, "The server had an error"),
    "fake-refuses": lambda _, asked: failure(400, "This model does not know that"),
    "fake-key": _key,
    "fake-huge": lambda _, asked: completion(asked, "x" * HUGE_BYTES),
}
MODELS = ("fake", *_BEHAVIOURS)


# --- over HTTP -------------------------------------------------------------------------------------------------------


def _handler_of(llm: FakeLlm) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            try:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                known = self.path.endswith("/chat/completions")
                reply = llm.answer(asked, dict(self.headers)) if known else failure(404, "There is nothing here")
            except (ValueError, KeyError, TypeError) as error:
                reply = failure(400, f"That is no request for a completion: {type(error).__name__}: {error}")
            self._send(reply)

        def do_GET(self) -> None:
            models = [{"id": name, "object": "model", "created": 0, "owned_by": "phasegate"} for name in MODELS]
            known = self.path.endswith("/models")
            self._send(FakeReply({"object": "list", "data": models}) if known else failure(404, "Nothing is here"))

        def _send(self, reply: FakeReply) -> None:
            body = json.dumps(reply.body).encode()
            try:
                self.send_response(reply.status)
                for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                self.close_connection = True  # whoever asked has hung up

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Nobody reads it."""

    return Handler
