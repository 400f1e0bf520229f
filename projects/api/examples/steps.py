"""The steps of a project."""

from __future__ import annotations

from typing import Any

from projects.api.examples.shared import MOMENT

STEP: dict[str, Any] = {
    "id": "0193a1f2-7c42-7f10-8d20-0c5be0a3d1f2",
    "key": "extract",
    "phase": "creation",
    "round": 1,
    "position": 0,
    "kind": "agent",
    "agent": "requirements-creator",
    "performer": "requirements-creator",
    "agent_until": None,
    "degraded": None,
    "pool": "cpu",
    "state": "completed",
    "why": None,
    "on_failure": "fail",
    "attempt": 1,
    "failures": 0,
    "error": None,
    "available_at": None,
    "started_at": MOMENT,
    "finished_at": MOMENT,
}
STEP_DETAIL: dict[str, Any] = STEP | {
    "params": {"focus": "${intent}"},
    "when": None,
    "needs": [],
    "item": None,
    "result": {"found": 134},
    "attempts": [
        {
            "number": 1,
            "worker": "0193a1e0-1c42-7f10-8d20-0c5be0a3d1f2",
            "outcome": "completed",
            "performer": "",
            "decision": None,
            "error": None,
            "details": None,
            "tokens_in": 0,
            "tokens_out": 0,
            "cost": 0.0,
            "started_at": MOMENT,
            "finished_at": MOMENT,
        }
    ],
    "rounds": [{"round": 1, "state": "completed", "finished_at": MOMENT}],
    "items": None,
    "search": None,
}
