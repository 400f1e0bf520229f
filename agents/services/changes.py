"""What every change of the registry leaves: an event in the agent's life, and another version of the registry.

The version is one row, counted up in the transaction of the change, so that no candidate can be stale without its
reader being able to know. It is the last row that a transaction locks: whoever holds it waits for nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from agents.models import AgentEvent, Registry
from agents.services import arrivals
from agents.states import AgentState


@dataclass(frozen=True, slots=True)
class Change:
    """One fact about one agent: ``agent.registered``, ``changed``, ``returned``, ``draining``, ``resumed``, ``left``,
    ``expired`` or ``health``."""

    agent: UUID
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)


def record(changes: Iterable[Change], *, actor: str) -> int:
    """Write the changes down and count the registry's version up; how many there were. None: nothing happens."""
    events = [
        AgentEvent(agent_id=change.agent, kind=change.kind, data=dict(change.data), actor=actor, at=Now())
        for change in changes
    ]
    if events:
        AgentEvent.objects.bulk_create(events, batch_size=1000)
        with connection.cursor() as cursor:
            cursor.execute(_COUNT_UP)
        arrivals.tell(event.agent_id for event in events if _may_arrive(event))
    return len(events)


ARRIVALS = frozenset({"agent.registered", "agent.changed", "agent.returned", "agent.resumed"})
"""Kinds of changes after which an agent may take steps that it could not take before."""


def _may_arrive(event: AgentEvent) -> bool:
    well_again = event.kind == "agent.health" and event.data.get("before") == AgentState.UNHEALTHY
    return well_again or event.kind in ARRIVALS


def version() -> int:
    """The registry's version: another one means that candidates may be other ones. 0 before the first change."""
    return Registry.objects.values_list("version", flat=True).filter(pk=1).first() or 0


_COUNT_UP = """
    INSERT INTO agents_registry (id, version, incarnation)
    VALUES (1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, '')
    ON CONFLICT (id) DO UPDATE SET version = agents_registry.version + 1
"""
# It begins with the moment, so that a registry that was emptied and filled again never has a version that it had.
