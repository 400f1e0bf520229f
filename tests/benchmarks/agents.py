"""Agents that do nothing, as fast as they can, or for a given time."""

from __future__ import annotations

import time

from agents.definition import AgentContext, agent


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
