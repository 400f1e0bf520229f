"""Guarded steps: those that start only where every budget and limit that they fall under has room.

A guarded step is never taken by the fast claim and never rides behind another in a leg. Its claim is a transaction
that looks at its budgets and its concurrency key, and either takes the step with a reservation or leaves it ready
with the reason why it waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from orchestrator_site.conf import conf
from projects import sql

if TYPE_CHECKING:
    from projects.services.workers import WorkerProcess


def claim(project: UUID, step: UUID, worker: WorkerProcess) -> list[dict[str, Any]]:
    """Claim a guarded step where there is room for it; no row where there is none, or where it is not guarded."""
    return sql.rows(
        "claim",
        project=project,
        step=step,
        worker=worker.id,
        lease=conf().lease_seconds,
        actor=worker.actor,
        guarded=True,
    )
