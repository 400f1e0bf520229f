"""Who would get a piece of work, one answer of many agents, and what an agent says of its work."""

from __future__ import annotations

from typing import Any

from projects.api.examples.shared import MOMENT

AGENT_ID = "0193a1f5-3d02-7b9a-8c44-1f0a6d2e7b10"
ROUTE_ASKED: dict[str, Any] = {
    "capability": "text.write",
    "version": ">=1,<2",
    "params": {"length": 50},
    "route": {
        "strategy": "content",
        "rules": [{"name": "long texts", "when": "params.length > 10", "tags": ["large"], "then": "weighted"}],
    },
}
ROUTED: dict[str, Any] = {
    "agent": "writer-4",
    "chosen": [{"id": AGENT_ID, "name": "writer-4"}],
    "strategy": "content",
    "why": "rule 'long texts' holds: 1 of 3 may have it; least loaded: 1 of 5 places taken",
    "reasons": [
        {
            "code": "content",
            "text": "rule 'long texts' holds: 1 of 3 may have it",
            "facts": {"rule": "long texts", "allowed": 1},
        }
    ],
    "left_out": [
        {
            "agent": "0193a1f5-3d02-7b9a-8c44-1f0a6d2e7b11",
            "name": "writer-2",
            "why": "its circuit is open",
        }
    ],
    "left_out_count": 1,
    "considered": 3,
    "registry_version": 812,
    "retry_after": None,
}
SCATTER_ASKED: dict[str, Any] = {
    "capability": "text.review",
    "params": {"text": "Is this a good text?"},
    "quorum": 2,
    "aggregation": "majority",
    "deadline": 10,
}
GATHERED: dict[str, Any] = {
    "value": "yes",
    "aggregation": "majority",
    "quorum": 2,
    "complete": False,
    "degraded": True,
    "answered": ["reviewer-1", "reviewer-3"],
    "missing": [{"agent": AGENT_ID, "name": "reviewer-2", "kind": "failed", "why": "Agent 'reviewer-2' answered 500."}],
    "notes": ["2 of 2 votes agree"],
    "details": {"elected": True, "votes": [{"value": "yes", "votes": 2, "agents": ["reviewer-1", "reviewer-3"]}]},
}
LEASE_HEARD: dict[str, Any] = {"until": MOMENT, "cancelled": False}
