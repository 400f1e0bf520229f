"""What is posted to an agent, version 1: one JSON document, documented in docs/how-to/agents-over-http.md."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.values import Performer, Work

VERSION = 1


def envelope(agent: Performer, work: Work, *, now: datetime, callbacks: str) -> dict[str, Any]:
    """The document. ``callbacks`` is where lease tokens are answered for, without a slash at its end."""
    return {
        "version": VERSION,
        "agent": agent.name,
        "capability": work.capability,
        "project": work.project_id,
        "step": {"id": work.step_id, "key": work.step_key},
        "attempt": work.attempt,
        "idempotency_key": work.idempotency_key,
        "params": dict(work.params),
        "timeout": work.timeout,
        "deadline": (now + timedelta(seconds=work.timeout)).astimezone(UTC).isoformat(timespec="milliseconds"),
        "lease_token": work.lease_token,
        "callback": f"{callbacks}/{work.lease_token}" if work.lease_token else None,
        "traceparent": work.traceparent or None,
    }


def encoded(document: dict[str, Any]) -> str:
    """As it is signed and sent. Raises ``ValueError`` for what JSON cannot hold."""
    return json.dumps(document, allow_nan=False, separators=(",", ":"))


def message_id(work: Work) -> str:
    """The id of the message: one an attempt, since each attempt has another body. The work's own is in the body."""
    return f"msg_{work.step_id}_{work.attempt}"
