"""Projects: made, read, steered many at once; their documents, and the signals that they are sent."""

from __future__ import annotations

from typing import Any

from projects.api.examples.shared import APPROVAL_ID, DIGEST, MOMENT, PROJECT_ID

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
DOCUMENT_ID = "0193a1f2-7c41-7a90-b3f5-6d0e8c2a1b90"
DOCUMENT: dict[str, Any] = {
    "id": DOCUMENT_ID,
    "position": 0,
    "name": "rfc6749.txt",
    "media_type": "text/plain",
    "size": 163498,
    "sha256": DIGEST,
    "created_at": MOMENT,
}
SIGNAL: dict[str, Any] = {
    "id": 12,
    "name": "delivered",
    "payload": {"parcels": 3},
    "key": "delivery-812",
    "sender": "user:olga",
    "sent_at": MOMENT,
    "taken_by": None,
}
