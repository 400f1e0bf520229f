"""Examples of the OpenAPI document; a test holds them against their schemas."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

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
    "phase": "creation",
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
    "escalated_at": None,
    "decisions": [],
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
    "agent": "requirements-creator",
    "pool": "cpu",
    "state": "completed",
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


def asked(value: Any, name: str = "request", media_type: str | None = None) -> OpenApiExample:
    """An example of a body."""
    return OpenApiExample(name, value=value, request_only=True, media_type=media_type)


def answered(value: Any, *statuses: int, name: str = "answer") -> OpenApiExample:
    """An example of an answer."""
    return OpenApiExample(
        name, value=value, response_only=True, status_codes=[str(status) for status in statuses or (200,)]
    )
