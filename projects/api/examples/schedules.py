"""Schedules."""

from __future__ import annotations

from typing import Any

from projects.api.examples.shared import MOMENT

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
