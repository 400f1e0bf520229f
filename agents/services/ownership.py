"""Who may do what with which agent: one's own by the right ``agent.register``, all by ``agent.manage``.

An agent's key opens nothing but what was registered with it or with another key of the same user; else one program
could turn the steps of another to itself by registering under its name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.errors import AgentNotRegistered, AgentNotYours
from agents.models import Agent, AgentOwner
from agents.services import registration
from agents.services.registration import Outcome, Registered
from orchestrator_site.access.actors import Actor
from orchestrator_site.access.roles import Capability

__all__ = ["find_own", "is_name", "may_change", "own_among", "owner_of", "register"]


def register(*, by: Actor, name: str, **description: Any) -> Registered:
    """Register an agent in somebody's name, as ``registration.register`` does; what is new is theirs.

    Raises ``CapabilityMissing``, ``AgentNotYours`` where another has registered the name, and what registering raises.
    """
    by.require(Capability.AGENT_REGISTER)
    with transaction.atomic():
        known = Agent.objects.select_for_update(no_key=True).filter(name=name).first()
        if known is not None:
            _require_own(known, by)
        done = registration.register(name=name, actor=by.name, **description)
        if done.outcome is not Outcome.CREATED:
            _require_own(done.agent, by)  # perhaps made by another since we looked; a refusal takes all of it back
        elif by.user_id is not None:
            AgentOwner.objects.create(agent=done.agent, user_id=by.user_id)
    return done


def find_own(name_or_id: str | UUID, by: Actor) -> Agent:
    """An agent that somebody may change. Raises ``AgentNotRegistered``, ``AgentNotYours``, ``CapabilityMissing``."""
    by.require(Capability.AGENT_REGISTER)
    if not is_name(name_or_id):
        raise AgentNotRegistered(f"No agent {name_or_id!r} is registered.")
    found = registration.find(name_or_id)
    _require_own(found, by)
    return found


def is_name(name_or_id: str | UUID) -> bool:
    """Whether there can be such an agent: an address may hold what no text of the database can."""
    return isinstance(name_or_id, UUID) or "\0" not in name_or_id


def own_among(agents: Iterable[UUID], by: Actor) -> frozenset[UUID]:
    """Those of the ids that somebody may send heartbeats for: one statement, and none for who manages all."""
    wanted = frozenset(agents)
    if by.may(Capability.AGENT_MANAGE):
        return wanted
    if not by.may(Capability.AGENT_REGISTER) or by.user_id is None:
        return frozenset()
    owned = AgentOwner.objects.filter(user_id=by.user_id, agent__in=wanted)
    return frozenset(owned.values_list("agent_id", flat=True))


def owner_of(agent: Agent) -> str | None:
    """The name of the user whose it is; one query, unless ``ownership__user`` was read with the agent."""
    found = getattr(agent, "ownership", None)
    return found.user.get_username() if found is not None else None


def may_change(agent: Agent, by: Actor) -> bool:
    """Whether somebody may change an agent."""
    if by.may(Capability.AGENT_MANAGE):
        return True
    if not by.may(Capability.AGENT_REGISTER) or by.user_id is None:
        return False
    return AgentOwner.objects.filter(agent=agent, user_id=by.user_id).exists()


def _require_own(agent: Agent, by: Actor) -> None:
    if not may_change(agent, by):
        raise AgentNotYours(
            f"Agent {agent.name!r} was registered by somebody else. Take another name, use a key of the user who "
            "registered it, or have somebody with the right agent.manage do it."
        )
