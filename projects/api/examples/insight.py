"""What one may see of projects: budgets, progress, state, graph, history, those that do not move, counts of days."""

from __future__ import annotations

from typing import Any

from projects.api.examples.shared import DIGEST, MOMENT, PROJECT_ID

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
PROGRESS: dict[str, Any] = {
    "project": PROJECT_ID,
    "title": "Requirements of RFC 6749",
    "state": "running",
    "directive": "run",
    "share": 0.5,
    "elapsed": 12.5,
    "eta": 12.0,
    "eta_low": 9.5,
    "eta_high": 16.0,
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
            "since": MOMENT,
            "who": "reviewers",
            "quiet_since": MOMENT,
        }
    ]
}
DAYS: dict[str, Any] = {
    "results": [{"day": "2026-11-20", "started": 4, "completed": 3, "failed": 1, "cancelled": 0, "mean_seconds": 41.5}]
}
