"""Approvals: one of them, deciding, and the rounds of a phase that were decided."""

from __future__ import annotations

from typing import Any

from projects.api.examples.shared import APPROVAL_ID, DIGEST, MOMENT, PROJECT_ID

APPROVAL: dict[str, Any] = {
    "id": APPROVAL_ID,
    "project": PROJECT_ID,
    "project_title": "Requirements of RFC 6749",
    "purpose": "gate",
    "phase": "creation",
    "step": None,
    "round": 1,
    "title": "Approve the requirements",
    "state": "open",
    "groups": ["reviewers"],
    "quorum": 1,
    "approvals": 0,
    "deadline": None,
    "on_timeout": "reject",
    "on_reject": "rework",
    "opened_at": MOMENT,
    "finished_at": None,
}
APPROVAL_DETAIL: dict[str, Any] = APPROVAL | {
    "description": "",
    "form": None,
    "content": {},
    "content_digest": DIGEST,
    "evidence": [{"label": "Requirements", "value": 134}],
    "evidence_digest": DIGEST,
    "plan_version": 2,
    "supersedes": "0193a1f3-01a4-7c52-8d6f-0b3e9c7a5d18",
    "superseded_by": None,
    "difference": [{"label": "Requirements", "before": 131, "after": 134}],
    "escalated_at": None,
    "decisions": [],
}
DECISION_GIVEN: dict[str, Any] = {
    "verdict": "reject",
    "comment": "Section 10 is missing.",
    "evidence_digest": DIGEST,
    "content_digest": DIGEST,
}
ROUNDS: dict[str, Any] = {
    "project": PROJECT_ID,
    "phase": "creation",
    "title": "Creation",
    "rounds": [
        {
            "round": 1,
            "iteration": 1,
            "is_present": False,
            "steps": [
                {"id": APPROVAL_ID, "key": "split", "state": "completed", "attempts": 1, "result_sha256": DIGEST}
            ],
            "quality": [{"name": "coverage", "met": False, "otherwise": "rework", "detail": "results.split.n > 9"}],
            "approvals": [APPROVAL],
            "sent_back_because": ["Say where each requirement stands."],
        }
    ],
    "compared": None,
}
