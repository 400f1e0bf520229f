"""Having agents do work outside of any project: the same put to many at once, for somebody who waits for the answer.

Nothing of it is kept but what calls used: it is not begun anew where this process dies.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agents import dispatching
from agents.definition import DocumentHandle, registered_agents
from agents.errors import NoAgentNow
from agents.gather import Gathered
from agents.registry import load_agents
from agents.services import candidates
from agents.services.scattering import scatter
from agents.values import Answer, Performer, TransportName, Work
from orchestrator_site import clock

__all__ = ["OutsideContext", "ask_many"]

LONGEST = 60.0
"""Seconds: somebody waits at the other end of a connection."""


def ask_many(
    capability: str,
    params: Mapping[str, Any],
    *,
    by: str,
    specifiers: str = "",
    aggregation: str = "all",
    options: Mapping[str, Any] | None = None,
    quorum: int | None = None,
    deadline: float = 30.0,
    partial: bool = False,
    at_most: int = 100,
) -> Gathered:
    """One answer of all agents that have the capability; ``by`` is who asks, ``deadline`` in seconds from now.

    Raises ``NoAgentNow`` where nobody has it, and what ``scatter`` raises.
    """
    load_agents()
    asked = [agent for agent in candidates.performers(capability, specifiers) if _is_within_reach(agent)][:at_most]
    if not asked:
        raise NoAgentNow(f"No agent offers {capability!r}{f' {specifiers}' if specifiers else ''}.", retry_after=5.0)
    errand = str(clock.new_id())
    context = OutsideContext(errand, params, time.monotonic() + deadline)
    work = Work(errand, errand, "scatter", 1, errand.replace("-", ""), params, deadline, capability=capability)

    def ask(agent: Performer, given: Mapping[str, Any], seconds: float) -> Answer:
        own = replace(work, timeout=seconds, idempotency_key=f"{work.idempotency_key}.{agent.id}"[:100])
        return dispatching.ask(agent, own, context, worker=by, together=len(asked))

    return scatter(
        asked,
        params,
        perform=ask,
        deadline=deadline,
        aggregation=aggregation,
        options=options,
        quorum=quorum,
        partial=partial,
    )


def _is_within_reach(agent: Performer) -> bool:
    return agent.transport != TransportName.PYTHON or agent.name in registered_agents()


@dataclass(slots=True)
class OutsideContext:
    """What an agent sees that is asked outside of a project: the parameters, and nothing to read or to report to.

    See ``agents.definition.AgentContext`` for what each part means. ``until`` is on the monotonic clock.
    """

    errand: str
    params: Mapping[str, Any]
    until: float
    project_id: str = ""
    step_key: str = "scatter"
    intent: str = ""
    attempt: int = 1
    inputs: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    documents: Sequence[DocumentHandle] = ()
    rework: Sequence[str] = ()

    @property
    def idempotency_key(self) -> str:
        """One for the errand."""
        return self.errand.replace("-", "")

    @property
    def logger(self) -> logging.Logger:
        """Where to log."""
        return logging.getLogger("agents.asked")

    def heartbeat(self, details: Mapping[str, Any] | None = None) -> None:
        """Nobody looks."""

    def cancelled(self) -> bool:
        """Whether nobody waits any more."""
        return time.monotonic() >= self.until

    def cancelled_for(self) -> float | None:
        """Seconds since nobody waits any more."""
        over = time.monotonic() - self.until
        return over if over >= 0 else None

    def emit(self, kind: str, data: Mapping[str, Any] | None = None) -> None:
        """There is no history that it could stand in."""

    def record_usage(self, tokens_in: int = 0, tokens_out: int = 0, cost: float = 0.0) -> None:
        """No budget counts it; the list of calls does."""
