"""The states of agents, and what may follow what."""

from __future__ import annotations

from orchestrator_site.statemachine import Machine, State, machine


class AgentState(State):
    """A registered agent's states."""

    STARTING = "starting", "Registered, and not heard of since; its first heartbeat moves it on, or it expires."
    HEALTHY = "healthy", "It is heard of, and its health is good; it gets steps."
    DEGRADED = "degraded", "Its health has fallen; it gets steps where no healthy agent can take them."
    UNHEALTHY = "unhealthy", "Its health is bad; it gets no steps until a probe or a heartbeat brings it back."
    DRAINING = "draining", "It was asked to leave: it finishes what it has and gets nothing new."
    GONE = "gone", "It left, or was silent for too long; registering it again brings it back."


AGENT: Machine[AgentState] = machine(
    "agent",
    AgentState.STARTING,
    {
        AgentState.STARTING: {
            AgentState.HEALTHY,
            AgentState.DEGRADED,
            AgentState.UNHEALTHY,
            AgentState.DRAINING,
            AgentState.GONE,
        },
        AgentState.HEALTHY: {AgentState.DEGRADED, AgentState.UNHEALTHY, AgentState.DRAINING, AgentState.GONE},
        AgentState.DEGRADED: {AgentState.HEALTHY, AgentState.UNHEALTHY, AgentState.DRAINING, AgentState.GONE},
        AgentState.UNHEALTHY: {AgentState.HEALTHY, AgentState.DEGRADED, AgentState.DRAINING, AgentState.GONE},
        AgentState.DRAINING: {AgentState.STARTING, AgentState.HEALTHY, AgentState.GONE},
        AgentState.GONE: {AgentState.STARTING},
    },
)

TAKES_STEPS = frozenset({AgentState.STARTING, AgentState.HEALTHY, AgentState.DEGRADED})
"""The states in which an agent is a candidate for a step."""
