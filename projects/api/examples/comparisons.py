"""Two projects side by side."""

from __future__ import annotations

from typing import Any

from projects.api.examples.shared import DIGEST, PROJECT_ID

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
