"""What the status of a reply means: an answer, a wait, a failure that may pass, or one that will not. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from agents.errors import AgentBusy, AgentFailure, AgentTimedOut, PermanentFailure

MOST_RETRY_AFTER = 24 * 3600.0
"""Seconds; who asks for longer is asked again after a day."""

_LONGEST = 500
_TRANSIENT = {408: AgentTimedOut, 425: AgentFailure}


def failure_of(agent: str, status: int, headers: Mapping[str, str], body: bytes, *, now: datetime) -> AgentFailure:
    """The failure that a status tells of: 429 and 503 busy, 408, 425 and 5xx may pass, all else will not."""
    said = readable(headers, body)
    message = f"Agent {agent!r} answered {status}" + (f": {said}" if said else "")
    message += "" if message.endswith((".", "!", "?")) else "."
    if status in (429, 503):
        return AgentBusy(message, status=status, retry_after=retry_after(headers.get("retry-after", ""), now=now))
    if 300 <= status < 400:
        return PermanentFailure(
            f"Agent {agent!r} answered {status}: redirects are not followed; register the address it leads to.",
            status=status,
        )
    if status >= 500 or status in _TRANSIENT:
        return _TRANSIENT.get(status, AgentFailure)(message, status=status)
    return PermanentFailure(message, status=status)


def retry_after(value: str, *, now: datetime) -> float | None:
    """Seconds to wait, of a header that gives seconds or a date (RFC 9110, 10.2.3); None where it gives neither."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), MOST_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return min(max((aware - now).total_seconds(), 0.0), MOST_RETRY_AFTER)


def readable(headers: Mapping[str, str], body: bytes) -> str:
    """What the body says, for people: of a problem document (RFC 9457), of an error of a chat API, or plain text."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "text/html":
        return ""
    text = body[: 64 * 1024].decode("utf-8", "replace")
    if kind.endswith("json"):
        try:
            return _plain(_problem(json.loads(text)))
        except (ValueError, RecursionError):
            pass
    return _plain(text)


def _problem(document: Any) -> str:
    if isinstance(document, str):
        return document
    if not isinstance(document, Mapping):
        return ""
    told: Any = document.get("error", document)
    if isinstance(told, str):
        return told
    if not isinstance(told, Mapping):
        return ""
    parts = [told.get(name) for name in ("title", "detail", "message")]
    return ": ".join(
        dict.fromkeys(part.strip().rstrip(".") for part in parts if isinstance(part, str) and part.strip())
    )


def _plain(text: str) -> str:
    """One line without signs that could change how the lines around it are shown."""
    shown = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
