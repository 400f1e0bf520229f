"""Agents whose effects are counted outside the product, by an HTTP service that knows idempotency keys."""

from __future__ import annotations

import os
import time
import urllib.request
from typing import Any

from agents.definition import AgentContext, agent


def _effect(context: AgentContext) -> None:
    """Do something at the outside world: once more for each attempt, once in effect for each key."""
    url = f"{os.environ['EFFECTS_URL']}/{context.idempotency_key}"
    urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=5).close()  # noqa: S310 our own server


@agent("counted")
def counted(context: AgentContext) -> dict[str, Any]:
    """Take a moment, have an effect, and give back the number that was given."""
    time.sleep(float(context.params.get("seconds", 0.02)))
    _effect(context)
    return {"n": context.params.get("n", 0)}


@agent("counted-io", queue="io")
def counted_io(context: AgentContext) -> dict[str, Any]:
    """The same, in a thread."""
    return counted(context)  # type: ignore[return-value]


@agent("counts")
def counts(context: AgentContext) -> dict[str, Any]:
    """A list to work through."""
    return {"items": list(range(context.params["n"]))}


@agent("killer")
def killer(context: AgentContext) -> None:
    """Take the worker down, every time."""
    os.kill(os.getpid(), 9)
