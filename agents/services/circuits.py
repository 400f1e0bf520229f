"""Every change of a circuit is an event in its agent's life, so that its page says when it opened, and why."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now

from agents.models import Agent, AgentEvent
from agents.resilience.states import CircuitState
from agents.resilience.values import Change
from agents.resilience.watching import watch
from agents.services import arrivals
from agents.services.reading import is_registry_id

ACTOR = "system"


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
