"""The addresses of the API of agents, below the one address of all."""

from __future__ import annotations

from agents.api.views import agents, circuits, health, heartbeats, leaving
from orchestrator_site.api.routing import route

# The names of collections come before ids: an agent that is called "health" is read by its id.
urlpatterns = [
    route("agents", agents.AgentList, "agents"),
    route("agents/health", health.Health, "agents-health"),
    route("agents/heartbeats", heartbeats.Heartbeats, "agents-heartbeats"),
    route("agents/<str:agent_id>", agents.AgentDetail, "agent"),
    route("agents/<str:agent_id>/circuit", circuits.CircuitOfAgent, "agent-circuit"),
    route("agents/<str:agent_id>/drain", leaving.Drain, "agent-drain"),
    route("agents/<str:agent_id>/heartbeat", heartbeats.Heartbeat, "agent-heartbeat"),
    route("agents/<str:agent_id>/resume", leaving.Resume, "agent-resume"),
]
