"""Claims: taking steps, and committing what became of them, one statement each.

Every write matches the attempt number, the fencing token of the lease, so that a worker that lost it changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from orchestrator_site import faults
from orchestrator_site.conf import conf
from projects import sql
from projects.models import Step
from projects.services import guards, notifying, results
from projects.services.attempts import Claim, Outcome, Usage
from projects.services.workers import WorkerProcess


@dataclass(frozen=True, slots=True)
class Committed:
    """Which outcomes landed, what was claimed in the same commit, and whether it was the end of the project."""

    landed: frozenset[UUID]
    claimed: tuple[Claim, ...] = ()
    finished: bool = False


def claim(project: UUID, step: UUID, worker: WorkerProcess) -> Claim | None:
    """Take a ready step. None: it is not to be had."""
    faults.point("before_claim")
    rows = sql.rows("claim", project=project, step=step, guarded=False, **_lease(worker)) or guards.claim(
        project, step, worker
    )
    if not rows:
        return None
    faults.point("after_claim")
    return read(rows[0])


def claim_at_once(step: Claim, worker: WorkerProcess) -> Claim | None:
    """Take a ready step to end it, whenever it is available, and whether or not there is room: nobody will be called.

    Within the transaction that has locked the step.
    """
    Step.objects.filter(pk=step.id, available_at__isnull=False).update(available_at=None)
    rows = sql.rows("claim", project=step.project_id, step=step.id, guarded=step.guarded, **_lease(worker))
    return read(rows[0]) if rows else None


def held(step: UUID, attempt: int) -> Claim | None:
    """The claim of an attempt that runs, whoever holds it. None: it is over, or the step is another's by now."""
    rows = sql.rows("held_attempt", step=step, attempt=attempt)
    return read(rows[0]) if rows else None


def complete(
    outcome: Outcome,
    worker: WorkerProcess,
    following: UUID | None = None,
    hand_over: UUID | None = None,
    actor: str = "",
) -> Committed:
    """Commit a result, and claim the step that follows in the leg, or make ready the first of the next leg.

    ``actor`` where it is somebody else's result than the worker's.
    """
    params = _result(outcome, worker, actor)
    if following is not None:
        statement, more = "complete", _lease(worker) | params | {"next": following}
    elif hand_over is not None:
        statement, more = "complete_and_hand_over", {"hand_over": hand_over}
    else:
        statement, more = "complete_last", {}
    faults.point("before_commit")
    with ending(outcome.step):
        row = sql.rows(statement, **params | more)[0]
        if row["landed"]:
            book(outcome.step, outcome.usage)
    faults.point("after_commit")
    landed = frozenset([outcome.step.id]) if row.pop("landed") else frozenset[UUID]()
    return Committed(landed, (read(row),) if row.get("id") is not None else ())


def finish(outcome: Outcome, worker: WorkerProcess) -> Committed:
    """Commit the result of a step that is not guarded and, if nothing else is left to do, the end of its project.

    Else ``advance`` has to look. The two statements are a transaction of their own.
    """
    step = outcome.step
    params = _result(outcome, worker) | {
        "phase": step.phase_id,
        "channel": notifying.channel_of(step.project_id),
    }
    faults.point("before_commit")
    [row] = sql.together("lock_only", "finish", **params)[1].rows()
    faults.point("after_commit")
    return Committed(frozenset([outcome.step.id] if row["landed"] else ()), finished=row["finished"])


def _result(outcome: Outcome, worker: WorkerProcess, actor: str = "") -> dict[str, Any]:
    kept = results.keep(outcome.result)
    return {
        "project": outcome.step.project_id,
        "step": outcome.step.id,
        "attempt": outcome.step.attempt,
        "result": kept.text,
        "blob": kept.blob,
        "digest": kept.sha256,
        "degraded": outcome.degraded,
        "tokens_in": outcome.tokens_in,
        "tokens_out": outcome.tokens_out,
        "cost": outcome.cost,
        "actor": actor or worker.actor,
    }


def complete_batch(
    project: UUID, outcomes: Sequence[Outcome], worker: WorkerProcess, following: Sequence[UUID] = (), most: int = 0
) -> Committed:
    """Commit the results of several steps of a project at once, and claim at most ``most`` of those that follow.

    None of them is guarded: such a step is claimed, and committed, alone.
    """
    kept = [results.keep(outcome.result) for outcome in outcomes]
    faults.point("before_commit")
    rows = sql.rows(
        "complete_batch",
        project=project,
        steps=[outcome.step.id for outcome in outcomes],
        attempts=[outcome.step.attempt for outcome in outcomes],
        results=[each.text for each in kept],
        blobs=[each.blob for each in kept],
        digests=[each.sha256 for each in kept],
        marks=[outcome.degraded for outcome in outcomes],
        tokens_in=[outcome.tokens_in for outcome in outcomes],
        tokens_out=[outcome.tokens_out for outcome in outcomes],
        costs=[outcome.cost for outcome in outcomes],
        next=list(following),
        most=most,
        **_lease(worker),
    )
    faults.point("after_commit")
    landed = frozenset(rows[0]["landed"] or ())
    for row in rows:
        del row["landed"]
    return Committed(landed, tuple(read(row) for row in rows if row["id"] is not None))


def ending(step: Claim) -> AbstractContextManager[Any]:
    """The end of a guarded step and what it used are one transaction; of any other the one statement is enough."""
    return transaction.atomic() if step.guarded else nullcontext()


def book(step: Claim, usage: Usage) -> None:
    """Book what an attempt used of its budgets, within ``ending`` and where that has landed."""
    if step.guarded:
        guards.settle(step.id, step.attempt, tokens=usage.tokens_in + usage.tokens_out, cost=usage.cost)


def _lease(worker: WorkerProcess) -> dict[str, Any]:
    return {"worker": worker.id, "lease": conf().lease_seconds, "actor": worker.actor}


def read(row: dict[str, Any]) -> Claim:
    """A claim from a row, with its JSON columns read, which the driver gives as text."""
    return Claim(**row | {name: _read(row[name]) for name in ("item", "spec")})


def _read(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value
