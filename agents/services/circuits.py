"""Every change of a circuit is an event in its agent's life, so that its page says when it opened, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models.functions import Now

from agents.models import Agent, AgentEvent
from agents.resilience.states import CircuitState
from agents.resilience.values import Change
from agents.resilience.watching import watch
from agents.services import arrivals
from agents.services.reading import is_registry_id

__all__ = ["Opened", "last_opened", "note"]

ACTOR = "system"


@dataclass(frozen=True, slots=True)
class Opened:
    """When a circuit was last opened, and why."""

    at: datetime
    why: str


def last_opened(names: Iterable[str]) -> Mapping[str, Opened]:
    """Of agents, by their names; one query. An agent of which it is not known is not there."""
    kinds = [f"agent.circuit_{state}" for state in (CircuitState.OPEN, CircuitState.FORCED_OPEN)]
    events = AgentEvent.objects.filter(agent__name__in=list(names), kind__in=kinds)
    latest = events.order_by("agent_id", "-id").distinct("agent_id")
    rows = latest.values_list("agent__name", "at", "data")
    return {name: Opened(at, str(data.get("why") or "")) for name, at, data in rows}


@watch
def note(change: Change) -> None:
    """Write the change down, in the process that brought it about; of an agent that is in the registry."""
    if not is_registry_id(change.agent_id):
        return
    with transaction.atomic():
        if Agent.objects.filter(pk=change.agent_id).exists():
            AgentEvent.objects.create(
                agent_id=change.agent_id,
                kind=f"agent.circuit_{change.after}",
                data={"before": str(change.before), "why": change.why},
                actor=ACTOR,
                at=Now(),
            )
            if change.after in (CircuitState.CLOSED, CircuitState.FORCED_CLOSED):
                arrivals.tell([change.agent_id])
