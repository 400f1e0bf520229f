"""Changes of the plan of a live project, and previews."""

from __future__ import annotations

from typing import Any

from projects.api.examples.shared import APPROVAL_ID, DIGEST, MOMENT, PROJECT_ID

INTERVENTION_ID = "0193a1f4-11a0-7c3e-8b21-7d0e5a6c9f10"
INTERVENTION_GIVEN: dict[str, Any] = {
    "change": "skip",
    "step": "market",
    "arguments": {"result": {"confidence": 0.5}},
    "reason": "The market service is down; the figures of last month will do.",
    "preview_digest": DIGEST,
}
DIFFERENCE: list[dict[str, Any]] = [
    {
        "step": "market",
        "phase": "research",
        "change": "skipped",
        "before": {"state": "pending"},
        "after": {"state": "skipped", "result": {"confidence": 0.5}},
    }
]
INTERVENTION: dict[str, Any] = {
    "id": INTERVENTION_ID,
    "change": "skip",
    "step": "market",
    "arguments": {"result": {"confidence": 0.5}},
    "author": "user:oskar",
    "reason": INTERVENTION_GIVEN["reason"],
    "state": "applied",
    "refusal": "",
    "approval": None,
    "plan_before": 1,
    "plan_after": 2,
    "difference": DIFFERENCE,
    "preview_digest": DIGEST,
    "created_at": MOMENT,
    "finished_at": MOMENT,
}
INTERVENTION_PROPOSED: dict[str, Any] = INTERVENTION | {
    "state": "proposed",
    "approval": APPROVAL_ID,
    "plan_after": None,
    "finished_at": None,
}
PREVIEW: dict[str, Any] = {
    "project": PROJECT_ID,
    "control": "skip",
    "step": "market",
    "plan_before": 1,
    "plan_after": 2,
    "difference": DIFFERENCE,
    "voided": ["market"],
    "added": [],
    "changed": [],
    "revived": [],
    "running": [],
    "lapsing": [],
    "effects": [],
    "spent": {"attempts": 0, "tokens_in": 0, "tokens_out": 0, "cost": 0.0},
    "revives_project": False,
    "still_failed": [],
    "warnings": [],
    "asks": "",
    "digest": DIGEST,
}
CANCEL_PREVIEW: dict[str, Any] = PREVIEW | {
    "control": "cancel",
    "step": "",
    "plan_after": None,
    "difference": [],
    "voided": ["brief"],
    "running": ["rivals"],
    "lapsing": [{"id": APPROVAL_ID, "title": "Approve the brief", "purpose": "gate"}],
    "effects": [{"step": "market", "agent": "market-research", "attempts": 1}],
    "spent": {"attempts": 2, "tokens_in": 1200, "tokens_out": 300, "cost": 0.02},
}
CANCEL_MANY_PREVIEW: dict[str, Any] = {
    "control": "cancel",
    "projects": [{"id": PROJECT_ID, "title": "Tool launch", "blueprint": "tool-launch v1", "state": "running"}],
    "undone": 7,
    "running": 2,
    "lapsing": 1,
    "spent": {"attempts": 2, "tokens_in": 1200, "tokens_out": 300, "cost": 0.02},
    "digest": DIGEST,
    "left": 0,
}
