"""What the context of a language model may be able to do beyond that of other agents; the engine gives it or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class CallsAgents(Protocol):
    """A context by which registered agents can be called on behalf of the step."""

    def call_agent(self, name: str, params: Mapping[str, Any], *, timeout: float) -> Any:
        """The result of an agent, under the rights of the step's project. ``timeout`` in seconds.

        Raises ``AgentFailure`` where it fails, and ``AgentNotFound``.
        """


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left for a step: ``tokens``, and ``cost`` in the currency of budgets. None: no budget limits it."""

    tokens: float | None = None
    cost: float | None = None


@runtime_checkable
class HasAllowance(Protocol):
    """A context that knows what the step may still use."""

    def allowance(self) -> Allowance:
        """What is left now, what ``record_usage`` booked for this attempt being taken off."""
