"""Execute: claim a step, run its agent, commit the outcome.

A leg is a list of steps that one worker does one after another. Whatever an agent raises becomes state: nothing is
raised to Celery. Every write matches the attempt number, so that a worker that lost its lease changes nothing.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import DatabaseError, transaction
from structlog.contextvars import bind_contextvars, unbind_contextvars

from agents.errors import AgentTimedOut, ResultUnusable
from agents.registry import find_agent, load_agents
from agents.transports import python
from orchestrator_site import faults
from orchestrator_site.conf import conf
from orchestrator_site.errors import PhasegateError
from orchestrator_site.history import services as history
from projects import sql
from projects.blueprints.errors import ExpressionFailed
from projects.blueprints.expressions import render
from projects.blueprints.schema import RetryPolicy
from projects.models import Attempt, Phase, Project
from projects.planning import budgeting
from projects.planning.retrying import GiveUp, Retry, after_failure
from projects.services import guards, results
from projects.services.contexts import (
    Results,
    StepContext,
    documents_of,
    expression_context,
    idempotency_key,
)
from projects.services.workers import Held, WorkerProcess, this_process
from projects.states import AttemptOutcome, Directive, ProjectState

logger = logging.getLogger(__name__)
_rng = random.Random()


@dataclass(frozen=True, slots=True)
class Claim:
    """A step that this process holds the lease of."""

    id: UUID
    project_id: UUID
    phase_id: UUID
    key: str
    round: int
    position: int
    parent_id: UUID | None
    item: Any
    agent: str
    attempt: int
    failures: int
    timeout_seconds: float
    guarded: bool
    spec: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LegEnd:
    """How a leg ended: its project if anything was claimed, and the steps to send again, each in how many seconds."""

    project_id: UUID | None
    again: tuple[tuple[UUID, float], ...] = ()
    failed: bool = False


def run_leg(steps: Sequence[UUID], hand_over: UUID | None = None) -> LegEnd:
    """Do the steps one after another; ``hand_over`` is the first step of the leg that follows, on another pool.

    A step that cannot be claimed is passed over: somebody else has it, or its project is held.
    """
    worker = this_process()
    claimed: Claim | None = None
    project_id: UUID | None = None
    again: list[tuple[UUID, float]] = []
    failed = False
    for index, step in enumerate(steps):
        if claimed is None or claimed.id != step:
            claimed = claim(step, worker)
        if claimed is None:
            continue
        project_id = claimed.project_id
        following = steps[index + 1] if index + 1 < len(steps) else None
        last = following is None
        done = _perform(claimed, worker, following, hand_over if last else None)
        failed = failed or not done.completed
        if done.retry_after is not None:
            again.append((claimed.id, done.retry_after))
        claimed = done.following
    return LegEnd(project_id, tuple(again), failed)


def claim(step: UUID, worker: WorkerProcess) -> Claim | None:
    """Take a ready step. None: it is not to be had."""
    faults.point("before_claim")
    rows = sql.rows(
        "claim", step=step, worker=worker.id, lease=conf().lease_seconds, actor=worker.actor, guarded=False
    ) or guards.claim(step, worker)
    if not rows:
        return None
    faults.point("after_claim")
    return Claim(**_plain(rows[0]))


@dataclass(frozen=True, slots=True)
class _Done:
    completed: bool
    following: Claim | None = None
    retry_after: float | None = None


def _perform(step: Claim, worker: WorkerProcess, following: UUID | None, hand_over: UUID | None) -> _Done:
    held = worker.hold(step.id, step.attempt)
    bind_contextvars(project=str(step.project_id), step=step.key, attempt=step.attempt)
    context: StepContext | None = None
    try:
        context = _context(step, worker, held)
        result = _call(step, context)
        faults.point("after_agent")
        return _complete(step, context, result, worker, following, hand_over)
    except DatabaseError:
        # Whether the commit arrived is not known: the lease runs out, and recovery looks at what is there.
        logger.exception("the outcome of %s of project %s could not be written", step.key, step.project_id)
        raise
    except Exception as error:
        return _Done(completed=False, retry_after=_fail(step, error, worker, context))
    except BaseException:
        _hand_back(step, worker, context)
        raise
    finally:
        worker.release(held)
        unbind_contextvars("project", "step", "attempt")


def _context(step: Claim, worker: WorkerProcess, held: Held) -> StepContext:
    project = Project.objects.get(pk=step.project_id)
    phase = Phase.objects.get(pk=step.phase_id)
    results = Results(step.project_id)
    expressions = expression_context(project, results, phase)
    if step.parent_id is not None:
        expressions |= {"item": step.item, "index": step.position}
    return StepContext(
        inputs=project.inputs,
        params=render(step.spec.get("params") or {}, expressions),
        results=results,
        values={},
        documents=documents_of(step.project_id),
        intent=project.intent,
        project_id=str(project.pk),
        step_key=step.key,
        rework=tuple(phase.comments),
        idempotency_key=idempotency_key(step.id),
        attempt=step.attempt,
        logger=logging.getLogger(f"agents.{step.agent}"),
        held=held,
        actor=worker.actor,
    )


def _call(step: Claim, context: StepContext) -> Any:
    load_agents()
    faults.point("in_agent")
    result = python.call(find_agent(step.agent), context, timeout=step.timeout_seconds)
    try:
        return json.dumps(result, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ResultUnusable(
            f"Agent {step.agent!r} returned what JSON cannot hold: {error}. Return plain dicts, lists, texts and "
            "finite numbers."
        ) from error


def _complete(
    step: Claim,
    context: StepContext,
    result: str,
    worker: WorkerProcess,
    following: UUID | None,
    hand_over: UUID | None,
) -> _Done:
    kept = results.keep(result)
    faults.point("before_commit")
    with _booking(step):
        row = sql.rows(
            "complete",
            step=step.id,
            attempt=step.attempt,
            result=kept.text,
            blob=kept.blob,
            digest=kept.sha256,
            tokens_in=context.tokens_in,
            tokens_out=context.tokens_out,
            cost=context.cost,
            actor=worker.actor,
            worker=worker.id,
            lease=conf().lease_seconds,
            next=following,
            hand_over=hand_over,
        )[0]
        if row["landed"]:
            _book(step, context)
    faults.point("after_commit")
    if not row.pop("landed"):
        _refuse_late(step, worker, "completed")
        return _Done(completed=False)
    return _Done(completed=True, following=Claim(**_plain(row)) if row["id"] is not None else None)


def _booking(step: Claim) -> AbstractContextManager[Any]:
    """The end of a guarded step and what it used are one transaction; of any other the one statement is enough."""
    return transaction.atomic() if step.guarded else nullcontext()


def _book(step: Claim, context: StepContext | None) -> None:
    """Book what the attempt used of its budgets; where it did not come to call its agent, that is nothing."""
    if step.guarded:
        tokens = context.tokens_in + context.tokens_out if context is not None else 0
        guards.settle(step.id, step.attempt, tokens=tokens, cost=context.cost if context is not None else 0.0)


def _note_usage(step: Claim, context: StepContext | None) -> None:
    """An attempt that failed has used something too, and reports add up what attempts say."""
    if context is not None and (context.tokens_in or context.tokens_out or context.cost):
        Attempt.objects.filter(step_id=step.id, number=step.attempt).update(
            tokens_in=context.tokens_in,
            tokens_out=context.tokens_out,
            cost=min(budgeting.exact(context.cost), LARGEST_COST),
        )


def _fail(step: Claim, error: Exception, worker: WorkerProcess, context: StepContext | None = None) -> float | None:
    """Write a failed attempt down; seconds until it is to be sent again by this worker, or None."""
    described = describe(error)
    if not isinstance(error, PhasegateError):
        logger.exception("agent %s failed at %s of project %s", step.agent, step.key, step.project_id)
    if _is_cancelled(step):
        with _booking(step):
            landed = bool(sql.rows("cancel_attempt", step=step.id, attempt=step.attempt, actor=worker.actor))
            if landed:
                _book(step, context)
        if not landed:
            _refuse_late(step, worker, "cancelled")
        return None
    policy = RetryPolicy.model_validate(step.spec.get("retry") or {})
    decision = after_failure(policy, failures=step.failures + 1, retryable=_retryable(error), rng=_rng)
    timed_out = isinstance(error, AgentTimedOut)
    return settle_failure(step, decision, described, worker.actor, timed_out=timed_out, context=context)


def settle_failure(
    step: Claim,
    decision: Retry | GiveUp,
    error: dict[str, Any],
    actor: str,
    *,
    timed_out: bool,
    context: StepContext | None = None,
) -> float | None:
    """Write the decision about a failed attempt; seconds until it is to be sent again by this worker, or None."""
    outcome = AttemptOutcome.TIMED_OUT if timed_out else AttemptOutcome.FAILED
    common = {
        "step": step.id,
        "attempt": step.attempt,
        "failures": 1,
        "crashes": 0,
        "outcome": outcome.value,
        "actor": actor,
    }
    if isinstance(decision, GiveUp):
        _end(step, context, "give_up", {"error": json.dumps(error | {"cause": decision.cause}), **common})
        return None
    soon = decision.delay <= SOON
    kept = {"error": json.dumps(error), "kind": "step.retrying", "delay": decision.delay, "published": soon}
    landed = _end(step, context, "put_back", kept | common)
    return decision.delay if landed and soon else None


def _end(step: Claim, context: StepContext | None, statement: str, params: dict[str, Any]) -> bool:
    """End an attempt by a statement, with what it used; whether its lease was still ours."""
    with _booking(step):
        landed = bool(sql.rows(statement, **params))
        if landed:
            _note_usage(step, context)
            _book(step, context)
    if not landed:
        _refuse_late(step, this_process(), params["outcome"])
    return landed


def _hand_back(step: Claim, worker: WorkerProcess, context: StepContext | None) -> None:
    """Give a step back at once: this process is told to stop, and nobody should wait for its lease to run out."""
    with _booking(step):
        landed = sql.rows(
            "put_back",
            step=step.id,
            attempt=step.attempt,
            failures=0,
            crashes=0,
            error="null",
            outcome=AttemptOutcome.HANDED_BACK.value,
            kind="step.handed_back",
            actor=worker.actor,
            delay=0.0,
            published=False,
        )
        if landed:
            _book(step, context)


LARGEST_COST = Decimal(99_999_999)
"""What the column of an attempt's cost holds."""
SOON = 5.0
"""A retry due within as many seconds rides a Celery countdown; a later one waits as a row for recovery."""


def _refuse_late(step: Claim, worker: WorkerProcess, outcome: str) -> None:
    logger.warning(
        "attempt %s at %s of project %s came too late: its lease is another's",
        step.attempt,
        step.key,
        step.project_id,
    )
    history.append(
        step.project_id,
        "step.late_result",
        actor=worker.actor,
        subject=step.key,
        data={"attempt": step.attempt, "outcome": outcome},
    )


def _is_cancelled(step: Claim) -> bool:
    row = Project.objects.filter(pk=step.project_id).values_list("state", "directive").first()
    return row is None or row[0] != ProjectState.RUNNING or row[1] == Directive.CANCEL


def _retryable(error: Exception) -> bool:
    if isinstance(error, ExpressionFailed):
        return False
    return error.retryable if isinstance(error, PhasegateError) else True


def describe(error: BaseException) -> dict[str, Any]:
    """An error as it is kept: its code, its message, and its type."""
    code = error.code if isinstance(error, PhasegateError) else "agent_error"
    message = str(error) or type(error).__name__
    return {"code": code, "message": message[:4000], "type": type(error).__name__}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its JSON columns read: a raw cursor gives them as text."""
    return row | {name: json.loads(row[name]) if isinstance(row[name], str) else row[name] for name in ("item", "spec")}
