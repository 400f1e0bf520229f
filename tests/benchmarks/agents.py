"""An agent that does nothing, as fast as it can."""

from __future__ import annotations

from agents.definition import AgentContext, agent


@agent("nothing")
def nothing(context: AgentContext) -> None:
    """Do nothing."""


@agent("numbers")
def numbers(context: AgentContext) -> list[int]:
    """A list to fan out over."""
    return list(range(context.params["n"]))
