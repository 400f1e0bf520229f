"""Agents that do nothing, as fast as they can, or for a given time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from agents.definition import AgentContext, agent
from agents.swarm.optimising import answer


@agent("nothing")
def nothing(context: AgentContext) -> None:
    """Do nothing."""


@agent("numbers")
def numbers(context: AgentContext) -> list[int]:
    """A list to fan out over."""
    return list(range(context.params["n"]))


@agent("takes")
def takes(context: AgentContext) -> None:
    """Take so many seconds."""
    time.sleep(context.params["seconds"])


@agent("rates")
def rates(context: AgentContext) -> dict[str, Any]:
    """Say how good candidates are."""
    return answer(context.params, rated)


def rated(candidate: Sequence[float], params: Mapping[str, Any]) -> float:
    """A bowl, after so many seconds of waiting, as for a simulation somewhere else."""
    if seconds := params.get("seconds"):
        time.sleep(seconds)
    return sum((value - 1) ** 2 for value in candidate)
