"""Examples of the OpenAPI document; a test holds them against their schemas."""

from __future__ import annotations

from typing import Any

AGENT_ID = "0193a1f5-3d02-7b9a-8c44-1f0a6d2e7b10"
MOMENT = "2026-11-20T09:30:00Z"

AGENT_GIVEN: dict[str, Any] = {
    "name": "pricing",
    "version": "2.1.0",
    "description": "Quotes prices of parts.",
    "service_type": "pricing",
    "transport": "http",
    "settings": {"url": "https://pricing.example/run"},
    "capabilities": {"pricing.quote": "2.1.0", "pricing.history": "1.0.0"},
    "tags": ["steel", "eu"],
    "location": {"region": "eu-central", "zone": "a", "latitude": 50.11, "longitude": 8.68},
    "max_concurrency": 8,
    "cost_per_call": 0.002,
}
AGENT: dict[str, Any] = AGENT_GIVEN | {
    "id": AGENT_ID,
    "state": "healthy",
    "state_at": MOMENT,
    "health": 0.98,
    "load": 0.25,
    "settings": {"url": "https://pricing.example/run", "secret": "***"},
    "weight": 1.0,
    "priority": 0,
    "metadata": {},
    "owner": "pricing-service",
    "registered_at": MOMENT,
    "heard_at": MOMENT,
}
REGISTERED: dict[str, Any] = AGENT | {"state": "starting", "health": 1.0, "load": 0.0, "outcome": "created"}
HEARD: dict[str, Any] = {"id": AGENT_ID, "state": "healthy", "interval": 30.0, "silence": 300.0}
HEARTBEATS: dict[str, Any] = {"heartbeats": [{"agent": AGENT_ID, "load": 0.25, "details": {"queue": 3}}]}
HEARTBEATS_HEARD: dict[str, Any] = {
    "kept": 1,
    "refused": [{"agent": "0193a1f5-3d02-7b9a-8c44-1f0a6d2e7b11", "code": "agent_gone"}],
    "interval": 30.0,
}
HEALTH: dict[str, Any] = {
    "states": {"starting": 0, "healthy": 41, "degraded": 1, "unhealthy": 0, "draining": 0, "gone": 3},
    "health": 0.97,
    "worst": [
        {
            "id": AGENT_ID,
            "name": "pricing",
            "state": "degraded",
            "health": 0.61,
            "load": 0.9,
            "heard_at": MOMENT,
            "statistics": {"successes": 12.4, "failures": 6.1, "latency": 0.4, "baseline": 0.2, "calls": 1820},
        }
    ],
    "waiting": 12,
    "listening_since": MOMENT,
}
CIRCUIT: dict[str, Any] = {
    "id": AGENT_ID,
    "state": "open",
    "since": MOMENT,
    "why": "5 failures within 60 s: the agent answered 500",
    "closed_for": 7.5,
    "openings_in_a_row": 1,
    "failures": [MOMENT],
    "paused_for": 0.0,
    "rate": {"limit": None, "latency": 0.4, "usual_latency": 0.2},
    "running": 0,
    "shared": True,
}
