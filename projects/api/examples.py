"""Examples of the OpenAPI document; a test holds them against their schemas."""

from __future__ import annotations

from typing import Any

PROJECT_ID = "0193a1f2-7c40-7d1e-8a53-2f6f0d9b41c7"
APPROVAL_ID = "0193a1f3-02b8-7be0-9c1d-51c09a7e2f34"
DOCUMENT_ID = "0193a1f2-7c41-7a90-b3f5-6d0e8c2a1b90"
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
MOMENT = "2026-11-20T09:30:00Z"

PHASE: dict[str, Any] = {
    "key": "creation",
    "title": "Creation",
    "state": "waiting",
    "round": 1,
    "quality": [{"name": "coverage", "met": True, "otherwise": "review", "detail": ""}],
    "comments": [],
    "failure": "",
    "started_at": MOMENT,
    "finished_at": None,
}
PROJECT: dict[str, Any] = {
    "id": PROJECT_ID,
    "title": "Requirements of RFC 6749",
    "blueprint": {"name": "requirements-extraction", "version": 1},
    "state": "running",
    "directive": "run",
    "priority": "normal",
    "owner": "olga",
    "key": None,
    "intent": "Extract security requirements",
    "auto_approve": False,
    "rerun_of": None,
    "failure_code": "",
    "failure": "",
    "created_at": MOMENT,
    "started_at": MOMENT,
    "finished_at": None,
}
PROJECT_DETAIL: dict[str, Any] = PROJECT | {
    "inputs": {},
    "after": [],
    "plan_version": 1,
    "directive_since": None,
    "held_by_parent": False,
    "drained_at": None,
    "deadline": None,
    "parent": None,
    "phases": [PHASE],
    "open_approval": APPROVAL_ID,
}
PROJECT_GIVEN: dict[str, Any] = {
    "blueprint": "requirements-extraction",
    "intent": "Extract security requirements",
    "priority": "high",
    "documents": [{"name": "note.txt", "content_base64": "VGhlIGNsaWVudCBNVVNUIHVzZSBUTFMuCg=="}],
}
BUDGET: dict[str, Any] = {
    "id": 7,
    "scope": "project",
    "name": "",
    "measure": "cost",
    "spent": 4.2,
    "reserved": 0.5,
    "soft": 5.0,
    "hard": 10.0,
    "raise_by": None,
}
SCHEDULE_GIVEN: dict[str, Any] = {
    "name": "nightly",
    "blueprint": "hello",
    "crontab": "30 2 * * *",
    "timezone": "Europe/Berlin",
    "catch_up": "latest",
}
SCHEDULE: dict[str, Any] = SCHEDULE_GIVEN | {
    "id": "0193a1f4-1a77-7c02-9f1e-7b1d6f0e2c55",
    "inputs": {},
    "intent": "",
    "priority": "normal",
    "enabled": True,
    "owner": "olga",
    "next_at": "2026-11-21T01:30:00Z",
    "failure": "",
    "created_at": MOMENT,
}
PROGRESS: dict[str, Any] = {
    "project": PROJECT_ID,
    "title": "Requirements of RFC 6749",
    "state": "running",
    "directive": "run",
    "share": 0.5,
    "elapsed": 12.5,
    "eta": 12.0,
    "next_action": "Waits for reviewers to decide 'Approve the requirements' since 2026-11-20 09:30 UTC.",
    "running_at_pause": None,
    "draining": None,
    "drained_at": None,
    "running": [],
    "phases": [
        {
            "key": "creation",
            "title": "Creation",
            "state": "waiting",
            "round": 1,
            "steps": {"completed": 3},
            "total": 3,
            "done": 3,
        }
    ],
    "budgets": [BUDGET],
    "searches": [],
}
STATE: dict[str, Any] = {
    "project": PROJECT_ID,
    "state": "running",
    "directive": "run",
    "directive_since": None,
    "plan_version": 1,
    "phases": [
        {
            "key": "creation",
            "state": "waiting",
            "round": 1,
            "steps": [{"key": "extract", "round": 1, "state": "completed"}],
        }
    ],
}
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
    "evidence": [{"label": "Requirements", "value": 134}],
    "evidence_digest": DIGEST,
    "plan_version": 2,
    "supersedes": "0193a1f3-01a4-7c52-8d6f-0b3e9c7a5d18",
    "superseded_by": None,
    "difference": [{"label": "Requirements", "before": 131, "after": 134}],
    "escalated_at": None,
    "decisions": [],
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
DECISION_GIVEN: dict[str, Any] = {
    "verdict": "reject",
    "comment": "Section 10 is missing.",
    "evidence_digest": DIGEST,
}
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
SIGNAL: dict[str, Any] = {
    "id": 12,
    "name": "delivered",
    "payload": {"parcels": 3},
    "key": "delivery-812",
    "sender": "user:olga",
    "sent_at": MOMENT,
    "taken_by": None,
}
BATCH: dict[str, Any] = {
    "results": [
        {
            "id": PROJECT_ID,
            "done": False,
            "state": None,
            "directive": None,
            "code": "refused_in_state",
            "message": f"Project {PROJECT_ID} is not running (completed): it cannot be paused.",
        }
    ],
    "left": 0,
}
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
EVENT: dict[str, Any] = {
    "id": 42,
    "at": MOMENT,
    "kind": "project.paused",
    "actor": "user:olga",
    "subject": "",
    "data": {"reason": "waiting for the lawyer"},
    "seq": 7,
    "hash": DIGEST,
}
DOCUMENT: dict[str, Any] = {
    "id": DOCUMENT_ID,
    "position": 0,
    "name": "rfc6749.txt",
    "media_type": "text/plain",
    "size": 163498,
    "sha256": DIGEST,
    "created_at": MOMENT,
}
GRAPH: dict[str, Any] = {
    "nodes": [
        {
            "id": "phase:creation",
            "kind": "phase",
            "label": "Creation",
            "phase": "creation",
            "state": "running",
            "agent": None,
            "items": {},
        },
        {
            "id": "step:extract",
            "kind": "step",
            "label": "extract",
            "phase": "creation",
            "state": "running",
            "agent": "requirements-creator",
            "items": {},
        },
    ],
    "edges": [],
}
SNAPSHOT: dict[str, Any] = {
    "format": "phasegate.snapshot/1",
    "taken_at": MOMENT,
    "sha256": DIGEST,
    "project": {},
}
SNAPSHOT_ID = "0193a1f9-1d20-7c44-9a3e-7b1c52e0a9d4"
IMPORTED: dict[str, Any] = {
    "id": SNAPSHOT_ID,
    "project": PROJECT_ID,
    "title": "Requirements of RFC 6749",
    "sha256": DIGEST,
    "taken_at": MOMENT,
    "imported_by": "user:olga",
    "imported_at": MOMENT,
}
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
RESTORED: dict[str, Any] = {
    "project": PROJECT_DETAIL,
    "preview": RESTORE_PREVIEW,
    "before": CHECKPOINT | {"number": 3, "occasion": "restore", "label": "before going back to checkpoint 2"},
}
_SIDE: dict[str, Any] = {
    "state": "completed",
    "round": 1,
    "carried": False,
    "result_sha256": DIGEST,
    "seconds": 2.5,
    "attempts": 1,
    "tokens_in": 1200,
    "tokens_out": 340,
    "cost": 0.02,
}
_COMPARED: dict[str, Any] = {
    "id": PROJECT_ID,
    "title": "Requirements of RFC 6749",
    "blueprint": {"name": "requirements-extraction", "version": 1},
    "state": "completed",
    "plan_version": 1,
    "rerun_of": None,
    "seconds": 31.5,
}
COMPARISON: dict[str, Any] = {
    "a": _COMPARED,
    "b": _COMPARED | {"rerun_of": PROJECT_ID},
    "inputs": [{"name": "budget", "a": 500, "b": 700}],
    "documents": [],
    "plan": [],
    "steps": [{"key": "extract", "a": _SIDE, "b": _SIDE | {"cost": 0.03}, "differs": ["cost"]}],
    "findings": None,
}
BLUEPRINT: dict[str, Any] = {
    "name": "hello",
    "version": 1,
    "title": "Say hello",
    "description": "",
    "digest": DIGEST,
    "shipped": True,
}
BLUEPRINT_SOURCE = """\
name: greeting
version: 1
title: Greet
phases:
  - key: greet
    steps:
      - {key: greet, agent: greeter, params: {name: world}}
"""
BLUEPRINT_DETAIL: dict[str, Any] = BLUEPRINT | {
    "versions": [1],
    "inputs": {"type": "object"},
    "definition": {"name": "hello", "version": 1},
    "source": BLUEPRINT_SOURCE,
}
STUCK: dict[str, Any] = {
    "results": [
        {
            "id": PROJECT_ID,
            "title": "Requirements of RFC 6749",
            "state": "running",
            "directive": "run",
            "owner": "olga",
            "cause": "approval",
            "next_action": PROGRESS["next_action"],
            "quiet_since": MOMENT,
        }
    ]
}
DAYS: dict[str, Any] = {
    "results": [{"day": "2026-11-20", "started": 4, "completed": 3, "failed": 1, "cancelled": 0, "mean_seconds": 41.5}]
}
