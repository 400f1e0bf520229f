"""Registering agents, and everything that people and agents themselves do with their place in the registry.

Registering is idempotent by name: the same description again changes nothing, another one replaces it, and an agent
that is gone comes back. What an operator has changed by ``change`` stays until the agent describes itself otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from agents import terms
from agents.definition import registered_agents
from agents.errors import AgentGone, AgentNameTaken, AgentNotRegistered, AgentStateRefused
from agents.models import Agent, AgentCapability
from agents.services import checking, departures
from agents.services.changes import Change, record
from agents.services.descriptions import Description
from agents.services.pulses import accept_again
from agents.services.reading import agent_named
from agents.states import AgentState
from agents.values import Location

__all__ = ["Outcome", "Registered", "change", "deregister", "drain", "find", "register", "resume"]


class Outcome(StrEnum):
    """What registering did."""

    CREATED = "created"
    CHANGED = "changed"
    RETURNED = "returned"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Registered:
    """The agent as it is registered now, and what that changed."""

    agent: Agent
    outcome: Outcome


def register(
    *,
    name: str,
    transport: str,
    actor: str,
    version: str = "1.0.0",
    description: str = "",
    service_type: str = "",
    settings: Mapping[str, Any] | None = None,
    capabilities: Mapping[str, str] | None = None,
    tags: Iterable[str] = (),
    metadata: Mapping[str, Any] | None = None,
    location: Location = Location(),  # noqa: B008 a frozen value
    weight: float = 1.0,
    priority: int = 0,
    max_concurrency: int | None = None,
    cost_per_call: float = 0.0,
) -> Registered:
    """Register an agent, or register it again.

    It is starting until its first heartbeat. One that drains goes on draining: ``resume`` is for who asked it to.
    Raises ``AgentInvalid``, ``VersionInvalid``, ``AgentSettingsRefused``, and ``AgentNameTaken`` for the name of an
    agent that the product's own code defines: steps that name it must not reach another.
    """
    described = Description(
        name=name,
        transport=checking.transport(transport),
        version=version,
        description=description,
        service_type=service_type,
        settings=settings or {},
        capabilities=capabilities or {},
        tags=tuple(tags),
        metadata=metadata or {},
        location=location,
        weight=weight,
        priority=priority,
        max_concurrency=max_concurrency,
        cost_per_call=cost_per_call,
    ).checked()
    if described.name in registered_agents():
        raise AgentNameTaken(f"{name!r} is an agent of this product's own code: register under another name.")
    with transaction.atomic():
        return _write(described, actor)


def _write(described: Description, actor: str) -> Registered:
    """One of two that register a new name at once inserts, and the other finds it and waits for its lock."""
    fresh = Agent(name=described.name, **described.columns(), state_at=Now(), registered_at=Now(), heard_at=Now())
    Agent.objects.bulk_create([fresh], ignore_conflicts=True)
    agent = Agent.objects.select_for_update(no_key=True).get(name=described.name)
    if agent.pk == fresh.pk:
        _replace_capabilities(agent, described.capabilities)
        record([Change(agent.pk, "agent.registered", {"version": described.version})], actor=actor)
        return Registered(agent, Outcome.CREATED)
    if agent.built_in:
        raise AgentNameTaken(f"{agent.name!r} is an agent that workers offer: register under another name.")
    returns = agent.state == AgentState.GONE
    changes = described.digest != agent.digest
    if changes:
        Agent.objects.filter(pk=agent.pk).update(**described.columns())
        _replace_capabilities(agent, described.capabilities)
    if returns:
        Agent.objects.move(agent.pk, AgentState.STARTING, told=True, health=1.0, load=0.0)
    if changes or returns:
        kind = "agent.returned" if returns else "agent.changed"
        record([Change(agent.pk, kind, {"version": described.version})], actor=actor)
    Agent.objects.filter(pk=agent.pk).update(heard_at=Now())
    accept_again([agent.pk])
    agent.refresh_from_db()
    outcome = Outcome.RETURNED if returns else Outcome.CHANGED if changes else Outcome.UNCHANGED
    return Registered(agent, outcome)


def _replace_capabilities(agent: Agent, capabilities: Mapping[str, str]) -> None:
    agent.offers.exclude(name__in=list(capabilities)).delete()
    AgentCapability.objects.bulk_create(
        [AgentCapability(agent=agent, name=name, version=version) for name, version in sorted(capabilities.items())],
        update_conflicts=True,
        unique_fields=["agent", "name"],
        update_fields=["version"],
    )


CHANGEABLE = ("weight", "priority", "max_concurrency", "cost_per_call", "tags", "metadata", "description")


def change(*, agent: str | UUID, actor: str, **values: Any) -> Agent:
    """Change what an operator may set of an agent: ``CHANGEABLE``; what is not given stays.

    It stays changed until the agent describes itself otherwise. Raises ``AgentNotRegistered``, ``AgentInvalid``, and
    ``TypeError`` for what cannot be changed.
    """
    if unknown := set(values) - set(CHANGEABLE):
        raise TypeError(f"{sorted(unknown)} cannot be changed; what can: {', '.join(CHANGEABLE)}")
    with transaction.atomic():
        found = _locked(agent)
        if "tags" in values:
            values["tags"] = checking.tags(values["tags"])
        if "metadata" in values:
            checking.document(values["metadata"], of="metadata")
        for name, value in values.items():
            setattr(found, name, value)
        checking.numbers(
            weight=found.weight, cost_per_call=float(found.cost_per_call), max_concurrency=found.max_concurrency
        )
        others = [term for term in found.features if not term.startswith(terms.tag(""))]
        found.features = sorted({*others, *map(terms.tag, found.tags)})
        found.save(update_fields=[*values, "features"])
        told = {name: _told(value) for name, value in values.items() if name != "metadata"}
        record([Change(found.pk, "agent.changed", told)], actor=actor)
    return find(found.pk)


def _told(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def drain(*, agent: str | UUID, actor: str, reason: str = "") -> Agent:
    """Have an agent get nothing new; it is gone when it has nothing running. A second time changes nothing.

    Raises ``AgentNotRegistered``, or ``AgentGone``.
    """
    with transaction.atomic():
        found = _locked(agent)
        if found.state == AgentState.DRAINING:
            return found
        if not Agent.objects.move(found.pk, AgentState.DRAINING):
            raise AgentGone(f"Agent {found.name!r} is gone: there is nothing to drain.")
        record([Change(found.pk, "agent.draining", {"reason": reason} if reason else {})], actor=actor)
    return find(found.pk)


def resume(*, agent: str | UUID, actor: str) -> Agent:
    """Have an agent that drains get steps again. It is starting until its next heartbeat.

    Raises ``AgentNotRegistered``, or ``AgentStateRefused`` where it does not drain.
    """
    with transaction.atomic():
        found = _locked(agent)
        if found.state != AgentState.DRAINING or not Agent.objects.move(found.pk, AgentState.STARTING):
            raise AgentStateRefused(f"Agent {found.name!r} is {found.state}: only one that drains can be resumed.")
        record([Change(found.pk, "agent.resumed")], actor=actor)
    return find(found.pk)


def deregister(*, agent: str | UUID, actor: str, reason: str = "") -> Agent:
    """Have an agent be gone at once; what it runs is given to others. A second time changes nothing.

    Raises ``AgentNotRegistered``.
    """
    with transaction.atomic():
        found = _locked(agent)
        if Agent.objects.leave([found.pk]):
            record([Change(found.pk, "agent.left", {"reason": reason or "deregistered"})], actor=actor)
            transaction.on_commit(departures.tell)
    return find(found.pk)


def find(name_or_id: str | UUID) -> Agent:
    """An agent in whatever state. Raises ``AgentNotRegistered``."""
    found = Agent.objects.filter(**agent_named(name_or_id)).first()
    if found is None:
        raise AgentNotRegistered(f"No agent {name_or_id!s} is registered.")
    return found


def _locked(name_or_id: str | UUID) -> Agent:
    found = Agent.objects.select_for_update(no_key=True).filter(**agent_named(name_or_id)).first()
    if found is None:
        raise AgentNotRegistered(f"No agent {name_or_id!s} is registered.")
    return found
