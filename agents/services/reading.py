"""Reading rows as performers, which is all that routing, resilience and transports know of an agent."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from agents import terms
from agents.models import Agent
from agents.states import AgentState
from agents.values import Location, Performer, TransportName

COLUMNS = (
    "id, name, version, transport, settings, service_type, terms, tags, region, zone, latitude, longitude, weight, "
    "priority, max_concurrency, cost_per_call, health, load, state"
)
"""What ``performer`` reads, in its order."""


def performer(row: Sequence[Any]) -> Performer:
    """The performer of a row of ``COLUMNS``; further columns are ignored."""
    agent_id, name, version, transport, settings, service_type, found, tags = row[:8]
    region, zone, latitude, longitude, weight, priority, max_concurrency, cost, health, load, state = row[8:19]
    return Performer(
        id=str(agent_id),
        name=name,
        version=version,
        transport=_TRANSPORTS[transport],
        settings=_json(settings),
        service_type=service_type,
        capabilities=_capabilities(tuple(found)),
        tags=frozenset(_json(tags)),
        location=_location(region, zone, latitude, longitude),
        weight=weight,
        priority=priority,
        max_concurrency=max_concurrency,
        cost_per_call=float(cost),
        health=health,
        load=load,
        state=_STATES[state],
    )


def performer_of(agent: Agent) -> Performer:
    """The performer of an agent that was read."""
    return performer([getattr(agent, column) for column in _ATTRIBUTES])


def agent_named(name_or_id: str | UUID) -> dict[str, Any]:
    """The condition that picks an agent by its id, or by its name where it is no id."""
    if isinstance(name_or_id, UUID):
        return {"pk": name_or_id}
    try:
        return {"pk": UUID(name_or_id)}
    except ValueError:
        return {"name": name_or_id}


@functools.lru_cache(maxsize=4096)
def is_registry_id(agent_id: str) -> bool:
    """Whether it can be the id of a row: agents that are not in the registry have a name there."""
    try:
        UUID(agent_id)
    except ValueError:
        return False
    return True


_ATTRIBUTES = tuple(COLUMNS.split(", "))
_TRANSPORTS = {name.value: name for name in TransportName}
_STATES = {state.value: state for state in AgentState}


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


# Agents of one service share what they can do and where they run: a thousand candidates hold a few such values.
@functools.lru_cache(maxsize=4096)
def _capabilities(found: tuple[str, ...]) -> dict[str, str]:
    return terms.capabilities_in(found)


@functools.lru_cache(maxsize=4096)
def _location(region: str, zone: str, latitude: float | None, longitude: float | None) -> Location:
    return Location(region, zone, latitude, longitude)
