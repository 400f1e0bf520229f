"""Claims: taking steps, and committing what became of them, one statement each.

Every write matches the attempt number, the fencing token of the lease, so that a worker that lost it changes nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import UUID

from django.db import OperationalError, connection, transaction

from orchestrator_site import faults
from orchestrator_site.conf import conf
from projects import sql
from projects.models import Step
from projects.services import guards, notifying, results
from projects.services.attempts import Claim, Outcome, Usage
from projects.services.workers import WorkerProcess

T = TypeVar("T")

logger = logging.getLogger(__name__)

TRIES = 4
GIVEN_UP = frozenset({"40P01", "40001"})
"""What the server says where two wait for each other, and where it cannot have done one after the other."""


@dataclass(frozen=True, slots=True)
class Committed:
    """Which outcomes landed, what was claimed in the same commit, and of which projects it was the end."""

    landed: frozenset[UUID]
    claimed: tuple[Claim, ...] = ()
    finished: frozenset[UUID] = frozenset()


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
    if not rows:
        return None
    claimed = read(rows[0])
    take_up(claimed, worker)
    return claimed


def take_up(step: Claim, worker: WorkerProcess) -> None:
    """Tell that a step begins for which nobody was found before; of any other its claim has told."""
    if step.looks:
        sql.execute("take_up", step=step.id, attempt=step.attempt, actor=worker.actor)


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

    def commit() -> dict[str, Any]:
        with ending(outcome.step):
            row = sql.rows(statement, **params | more)[0]
            if row["landed"]:
                book(outcome.step, outcome.usage)
        return row

    faults.point("before_commit")
    row = _made_again(commit)
    faults.point("after_commit")
    landed = frozenset([outcome.step.id]) if row.pop("landed") else frozenset[UUID]()
    return Committed(landed, (read(row),) if row.get("id") is not None else ())


def finish(outcomes: Sequence[Outcome], worker: WorkerProcess) -> Committed:
    """Commit the last results of legs, one of each project, and the ends of the projects of which nothing is left.

    At the others ``advance`` has to look. None of the steps is guarded. The two statements are a transaction of their
    own.
    """
    projects = [outcome.step.project_id for outcome in outcomes]
    params = _columns([(outcome, None) for outcome in outcomes]) | {
        "projects": projects,
        "phases": [outcome.step.phase_id for outcome in outcomes],
        "channels": [notifying.channel_of(project) for project in projects],
        "actor": worker.actor,
    }
    faults.point("before_commit")
    [row] = _made_again(lambda: sql.together("lock_only", "finish", **params)[1].rows())
    faults.point("after_commit")
    return Committed(frozenset(row["landed"] or ()), finished=frozenset(row["finished"] or ()))


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
    outcomes: Sequence[tuple[Outcome, UUID | None]],
    worker: WorkerProcess,
    beside: Mapping[UUID, UUID] = MappingProxyType({}),
    most: int = 0,
) -> Committed:
    """Commit the results of several steps at once, and claim others with them, of one project or of many.

    Each outcome comes with the step that follows it in its leg, if one does, which is claimed where the outcome lands.
    ``beside`` are steps with their projects that stand ready: at most ``most`` of them are claimed. None of all these
    is guarded: such a step is claimed, and committed, alone.
    """
    projects = {outcome.step.project_id for outcome, following in outcomes if following is not None}
    params = _columns(outcomes) | {
        "projects": sorted(projects.union(beside.values())),
        "next": list(beside),
        "most": most,
    }
    faults.point("before_commit")
    rows = _made_again(lambda: sql.rows("complete_batch", **params, **_lease(worker)))
    faults.point("after_commit")
    landed = frozenset(rows[0]["landed"] or ())
    for row in rows:
        del row["landed"]
    return Committed(landed, tuple(read(row) for row in rows if row["id"] is not None))


def _columns(outcomes: Sequence[tuple[Outcome, UUID | None]]) -> dict[str, Any]:
    """Results as statements take several: a list a column."""
    kept = [results.keep(outcome.result) for outcome, _ in outcomes]
    return {
        "steps": [outcome.step.id for outcome, _ in outcomes],
        "attempts": [outcome.step.attempt for outcome, _ in outcomes],
        "results": [each.text for each in kept],
        "blobs": [each.blob for each in kept],
        "digests": [each.sha256 for each in kept],
        "marks": [outcome.degraded for outcome, _ in outcomes],
        "tokens_in": [outcome.tokens_in for outcome, _ in outcomes],
        "tokens_out": [outcome.tokens_out for outcome, _ in outcomes],
        "costs": [outcome.cost for outcome, _ in outcomes],
        "following": [following for _, following in outcomes],
    }


def _made_again(commit: Callable[[], T]) -> T:
    """A commit, made again where the server gave it up for another's: the results would be lost, and their work done
    twice. Nothing was written then, and each is matched with its attempt. Of a transaction that others opened all is
    given up, and only they can make it again.
    """
    for _ in range(TRIES - 1):
        try:
            return commit()
        except OperationalError as error:
            if connection.in_atomic_block or getattr(error.__cause__, "sqlstate", None) not in GIVEN_UP:
                raise
            logger.warning("a commit is made again: %s", error)
    return commit()


def ending(step: Claim) -> AbstractContextManager[Any]:
    """The end of a guarded step and what it used are one transaction; of any other the one statement is enough.

    Within somebody's transaction what the database refuses must not take that down.
    """
    return transaction.atomic() if step.guarded or connection.in_atomic_block else nullcontext()


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
