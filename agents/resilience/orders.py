"""What operators force: kept in PostgreSQL, since Redis may be emptied, and set in Redis after the commit."""

from __future__ import annotations

from agents.errors import AgentNotFound
from agents.models import Agent, CircuitOrder
from agents.resilience.states import FORCED, CircuitState
from agents.resilience.values import Order
from orchestrator_site.access.actors import Actor
from orchestrator_site.access.roles import Capability
from orchestrator_site.clock import now
from orchestrator_site.history import services as history

WORDS = {
    "open": CircuitState.FORCED_OPEN,
    "closed": CircuitState.FORCED_CLOSED,
    "auto": CircuitState.CLOSED,
}
"""What an operator may say."""


def write(agent_id: str, state: CircuitState, *, actor: Actor, reason: str) -> Order:
    """Write an order and its event, in the transaction that is open. Raises ``AgentNotFound``, ``CapabilityMissing``.

    The agent's row is locked, so that orders of one agent are numbered in the order of their commits.
    """
    actor.require(Capability.PROJECT_INTERVENE)
    agent = Agent.objects.select_for_update(no_key=True).filter(pk=agent_id).first()
    if agent is None:
        raise AgentNotFound(f"No agent has the id {agent_id}.")
    before = CircuitOrder.objects.filter(agent=agent).first()
    version = before.version + 1 if before else 1
    CircuitOrder.objects.update_or_create(
        agent=agent,
        defaults={"state": state, "version": version, "reason": reason, "actor": actor.name, "at": now()},
    )
    data = {"state": state.value, "before": before.state if before else CircuitState.CLOSED.value, "reason": reason}
    history.append(agent.pk, "agent.circuit_forced", actor=actor.name, subject=agent.name, data=data)
    return Order(str(agent.pk), state, version, _why(actor.name, reason))


def standing_orders() -> list[Order]:
    """All that holds now. Those that leave a circuit to itself count too: an older order must not undo them."""
    rows = CircuitOrder.objects.values_list("agent_id", "state", "version", "actor", "reason")
    return [
        Order(str(agent_id), CircuitState(state), version, _why(actor, reason))
        for agent_id, state, version, actor, reason in rows
    ]


def forcing(orders: list[Order]) -> list[Order]:
    """Those that force a circuit."""
    return [order for order in orders if order.state in FORCED]


def _why(actor: str, reason: str) -> str:
    return f"{actor}: {reason}" if reason else actor
