"""The tags of agents: what one steers by is all but what every heartbeat changes."""

from __future__ import annotations

from django.db import transaction
from rest_framework.request import Request

from agents.errors import AgentNotRegistered
from agents.models import Agent
from orchestrator_site.api import conditional
from orchestrator_site.api.errors import PreconditionFailed

_STEERED_BY = (
    *("name", "version", "description", "service_type", "state", "features", "tags", "transport", "settings"),
    *("region", "zone", "latitude", "longitude", "weight", "priority", "max_concurrency", "cost_per_call", "metadata"),
)


def standing_of(agent: Agent) -> str:
    """A digest of what one steers by."""
    return conditional.standing_of([getattr(agent, column) for column in _STEERED_BY])


def lock_as_seen(request: Request, agent: Agent) -> None:
    """Lock the agent, which must be as the client has seen it (``If-Match``), until the transaction ends.

    Raises ``PreconditionFailed``, ``AgentNotRegistered`` where it was removed meanwhile.
    """
    assert transaction.get_connection().in_atomic_block  # noqa: S101 a lock outside of one would be none
    locked = Agent.objects.select_for_update(no_key=True).filter(pk=agent.pk).first()
    if locked is None:
        raise AgentNotRegistered(f"No agent {agent.name} is registered.")
    if not conditional.matches(request, standing_of(locked)):
        raise PreconditionFailed(
            f"Agent {locked.name!r} has changed since you read it; it is {locked.state} now. Read it again."
        )
