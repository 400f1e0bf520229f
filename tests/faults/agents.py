"""Agents whose effects are counted outside the product, by an HTTP service that knows idempotency keys."""

from __future__ import annotations

import contextlib
import os
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from agents.definition import AgentContext, agent
from agents.swarm.optimising import answer
from orchestrator_site import faults
from projects.services import paces


def _effect(context: AgentContext) -> None:
    """Do something at the outside world: once more for each attempt, once in effect for each key."""
    step = f"{context.project_id}/{context.step_key.replace('[', '.').replace(']', '')}"
    url = f"{os.environ['EFFECTS_URL']}/{context.idempotency_key}?step={step}"
    urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=5).close()  # noqa: S310 our own server


@agent("counted")
def counted(context: AgentContext) -> dict[str, Any]:
    """Take a moment, have an effect, and give back the number that was given."""
    time.sleep(float(context.params.get("seconds", 0.02)))
    _effect(context)
    faults.point("after_effect")
    return {"n": context.params.get("n", 0)}


@agent("counted-io", queue="io")
def counted_io(context: AgentContext) -> dict[str, Any]:
    """The same, in a thread."""
    return counted(context)  # type: ignore[return-value]


@agent("counted-brief")
def counted_brief(context: AgentContext) -> dict[str, Any]:
    """The same at once: short enough to be packed several to a message and to a commit."""
    return counted(context)  # type: ignore[return-value]


def _always_brief(measured: Callable[[str], float | None] = paces.pace_of) -> Callable[[str], float | None]:
    return lambda agent: 0.001 if agent == "counted-brief" else measured(agent)


# On a busy machine, and after a call that a fault has held up, it would count as long and no batch would break.
paces.pace_of = _always_brief()


@agent("counted-slow")
def counted_slow(context: AgentContext) -> dict[str, Any]:
    """The same, never packed."""
    return counted(context)  # type: ignore[return-value]


@agent("counted-patient")
def counted_patient(context: AgentContext) -> dict[str, Any]:
    """The same in small bites, so that a cancelled project or a signal finds it awake."""
    until = time.monotonic() + float(context.params.get("seconds", 5))
    while time.monotonic() < until and not context.cancelled():
        time.sleep(0.02)
    _effect(context)
    return {"n": 0}


@agent("counted-bowl")
def counted_bowl(context: AgentContext) -> dict[str, Any]:
    """Say how good candidates are, after a moment and an effect."""
    time.sleep(float(context.params["params"].get("seconds", 0.02)))
    _effect(context)
    return answer(context.params, bowl)


def bowl(candidate: Mapping[str, float], params: Mapping[str, Any]) -> float:
    """Least where both are 1; by sums and products alone."""
    return (candidate["x"] - 1) ** 2 + (candidate["y"] - 1) ** 2


@agent("counts")
def counts(context: AgentContext) -> dict[str, Any]:
    """A list to work through."""
    return {"items": list(range(context.params["n"]))}


@agent("killer")
def killer(context: AgentContext) -> None:
    """Take the worker down, every time."""
    os.kill(os.getpid(), 9)


@agent("poisoned")
def poisoned(context: AgentContext) -> dict[str, Any]:
    """Take the worker down at one item of the list, every time, and at no other."""
    if context.params["n"] == context.params["poison"]:
        os.kill(os.getpid(), 9)
    return counted(context)  # type: ignore[return-value]


@agent("deaf")
def deaf(context: AgentContext) -> None:
    """Hear nothing, and let go of nothing."""
    while True:
        with contextlib.suppress(Exception):
            time.sleep(60)


@agent("absent")
def absent(context: AgentContext) -> None:
    """Never ask whether to stop."""
    time.sleep(600)
