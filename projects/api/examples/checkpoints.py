"""Checkpoints, and going back to one."""

from __future__ import annotations

from typing import Any

from projects.api.examples.projects import PROJECT_DETAIL
from projects.api.examples.shared import APPROVAL_ID, DIGEST, MOMENT, PROJECT_ID

CHECKPOINT: dict[str, Any] = {
    "number": 2,
    "occasion": "phase",
    "label": "after Creation",
    "author": "system",
    "event": 42,
    "plan_version": 1,
    "sha256": DIGEST,
    "size": 1804,
    "taken_at": MOMENT,
}
CHECKPOINT_DETAIL: dict[str, Any] = CHECKPOINT | {
    "holds": {
        "format": "phasegate.checkpoint/1",
        "project": PROJECT_ID,
        "event": 42,
        "transaction": "811",
        "snapshot": "811:811:",
        "mark": {"state": "running", "plan_version": 1, "variables": {}, "phases": []},
    }
}
RESTORE_PREVIEW: dict[str, Any] = {
    "project": PROJECT_ID,
    "checkpoint": 2,
    "event": 42,
    "plan_version": 1,
    "steps_voided": [{"phase": "publishing", "key": "publish", "round": 1, "state": "completed", "items": 0}],
    "steps_kept": [{"phase": "creation", "key": "extract", "round": 1, "state": "completed", "items": 0}],
    "approvals_lapsing": [
        {"id": APPROVAL_ID, "phase": "publishing", "title": "Approve the requirements", "state": "approved"}
    ],
    "effects_not_undone": [
        {
            "key": "publish",
            "round": 1,
            "agent": "requirements-publisher",
            "attempts": 1,
            "tokens_in": 0,
            "tokens_out": 0,
            "cost": 0.0,
        }
    ],
    "spent": {"tokens_in": 0, "tokens_out": 0, "cost": 0.0},
    "obstacle": "",
    "digest": DIGEST,
}
RERUN_PREVIEW: dict[str, Any] = {
    "project": PROJECT_ID,
    "from_step": "publish",
    "plan_version": 1,
    "kept": ["extract"],
    "again": ["publish"],
    "approvals_kept": [],
    "cost": {"attempts": 1, "tokens_in": 0, "tokens_out": 0, "cost": 0.0},
    "digest": DIGEST,
}
RESTORED: dict[str, Any] = {
    "project": PROJECT_DETAIL,
    "preview": RESTORE_PREVIEW,
    "before": CHECKPOINT | {"number": 3, "occasion": "restore", "label": "before going back to checkpoint 2"},
}
