"""Snapshots, also of other installations."""

from __future__ import annotations

from typing import Any

from projects.api.examples.shared import DIGEST, MOMENT, PROJECT_ID

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
