"""What becomes of an attempt that brought no result: retried, given up, put off, handed back, or too late.

Whatever an agent raises becomes state here, in one statement that matches the attempt number.
"""

from __future__ import annotations

import json
import logging
import random
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import DataError

from agents.errors import AgentBusy, AgentTimedOut
from agents.resilience.fallback import Cause
from agents.resilience.outcomes import delay_with
from orchestrator_site.errors import PhasegateError
from orchestrator_site.history import services as history
from orchestrator_site.storable import said_by, storable
from projects import sql
from projects.blueprints.errors import ExpressionFailed
from projects.blueprints.schema import RetryPolicy
from projects.errors import StartTimedOut
from projects.models import Attempt, Project, Timer
from projects.models.timer import TimerKind
from projects.planning import budgeting
from projects.planning.retrying import GiveUp, Retry, after_failure
from projects.services import claims, guards, holding
from projects.services.attempts import NOTHING, Claim, Usage
from projects.services.workers import WorkerProcess, this_process
from projects.states import AttemptOutcome, Directive, ProjectState

logger = logging.getLogger(__name__)
_rng = random.Random()

WAITED_TOO_LONG = GiveUp("it waited too long for somebody to begin it")
LARGEST_COST = Decimal(99_999_999)
"""What the column of an attempt's cost holds."""
SOON = 5.0
"""A retry due within as many seconds rides a Celery countdown; a later one has a timer."""


def fail(step: Claim, error: Exception, actor: str, usage: Usage = NOTHING) -> float | None:
    """Write a failed attempt down; seconds until it is to be sent again by this process, or None."""
    described = describe(error)
    if not isinstance(error, PhasegateError):
        logger.exception("agent %s failed at %s of project %s", step.agent, step.key, step.project_id)
    if is_cancelled(step):
        end_attempt(
            step,
            usage,
            "cancel_attempt",
            "cancelled",
            {"step": step.id, "attempt": step.attempt, "actor": actor},
        )
        return None
    decision = decide(step, error)
    timed_out = isinstance(error, AgentTimedOut)
    return settle_failure(step, decision, described, actor, timed_out=timed_out, usage=usage)


def cause_of(error: Exception) -> Cause:
    """Why a step degrades that failed so."""
    if isinstance(error, StartTimedOut):
        return Cause.NO_AGENT
    return Cause.TIMED_OUT if isinstance(error, AgentTimedOut) else Cause.FAILED


def decide(step: Claim, error: Exception) -> Retry | GiveUp:
    """Whether another attempt is made, and when: no sooner than the agent asked, and not after the step's time."""
    policy = RetryPolicy.model_validate(step.spec.get("retry") or {})
    decision = after_failure(policy, failures=step.failures + 1, retryable=_retryable(error), rng=_rng)
    if isinstance(decision, GiveUp):
        return decision
    asked = error.retry_after if isinstance(error, AgentBusy) else None
    decision = Retry(delay_with(asked, decision.delay))
    clocks = holding.clocks(step)
    if clocks is not None and not clocks.has_time_for(decision.delay):
        return GiveUp("its time with all attempts is over")
    return decision


def settle_failure(
    step: Claim,
    decision: Retry | GiveUp,
    error: dict[str, Any],
    actor: str,
    *,
    timed_out: bool,
    usage: Usage = NOTHING,
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
        given_up = {"error": json.dumps(error | {"cause": decision.cause}), **common}
        end_attempt(step, usage, "give_up", outcome.value, given_up)
        return None
    said = {"error": json.dumps(error), "kind": "step.retrying", "failures": 1}
    return put_off(step, decision.delay, outcome, actor, said, usage)


def put_off(
    step: Claim, delay: float, outcome: AttemptOutcome, actor: str, said: dict[str, Any], usage: Usage = NOTHING
) -> float | None:
    """Put a step back for so many seconds; the seconds, where this worker is to send it again."""
    soon = delay <= SOON
    params = {"step": step.id, "attempt": step.attempt, "crashes": 0, "outcome": outcome.value, "actor": actor}
    params |= said | {"delay": delay, "published": soon}
    in_vain = outcome is AttemptOutcome.HELD and step.looks and _looked_in_vain(step, params)
    if not in_vain and not end_attempt(step, usage, "put_back", outcome.value, params):
        return None
    if soon:
        return delay
    Timer.objects.set_for_step(project_id=step.project_id, step_id=step.id, kind=TimerKind.RETRY, seconds=delay)
    return None


def _looked_in_vain(step: Claim, params: dict[str, Any]) -> bool:
    """Give up a look that found what the one before it had found; the history has told of that."""
    with claims.ending(step):
        landed = bool(sql.rows("look_in_vain", **params))
        if landed:
            claims.book(step, NOTHING)
    return landed


def end_attempt(step: Claim, usage: Usage, statement: str, outcome: str, params: dict[str, Any]) -> bool:
    """End an attempt without a result, with what it used; whether its lease was still ours.

    Where the database cannot hold what is said of it, or what it used, it is given up with words of our own: as
    nothing counts an end that is not written, it would be tried again for ever.
    """
    try:
        landed = _write_end(step, usage, statement, params)
    except DataError:
        logger.exception("the end of attempt %s at %s of project %s", step.attempt, step.key, step.project_id)
        given_up = {name: params[name] for name in ("step", "attempt", "actor")} | _UNWRITABLE
        with claims.ending(step):
            if sql.rows("give_up", **given_up) and step.guarded:
                guards.settle(step.id, step.attempt)  # what it used is not known: what was reserved counts
        return False
    if not landed:
        refuse_late(step, this_process(), outcome)
    return landed


_UNWRITABLE: dict[str, Any] = {
    "failures": 0,
    "crashes": 0,
    "outcome": AttemptOutcome.FAILED.value,
    "error": json.dumps(
        {
            "code": "error_unwritable",
            "message": "The attempt failed, and what was to be kept of it the database cannot hold.",
            "cause": "what it said or used cannot be kept",
        }
    ),
}


def _write_end(step: Claim, usage: Usage, statement: str, params: dict[str, Any]) -> bool:
    with claims.ending(step):
        landed = bool(sql.rows(statement, **params))
        if landed:
            _note_usage(step, usage)
            claims.book(step, usage)
    return landed


def _note_usage(step: Claim, usage: Usage) -> None:
    """An attempt that failed has used something too, and reports add up what attempts say."""
    if usage != NOTHING:
        Attempt.objects.filter(step_id=step.id, number=step.attempt).update(
            tokens_in=usage.tokens_in,
            tokens_out=usage.tokens_out,
            cost=min(budgeting.exact(usage.cost), LARGEST_COST),
        )


def hand_back(step: Claim, worker: WorkerProcess, usage: Usage = NOTHING) -> None:
    """Give a step back at once: this process is told to stop, and nobody should wait for its lease to run out."""
    with claims.ending(step):
        if hand_back_unbegun(step.id, step.attempt, worker) is not None:
            claims.book(step, usage)


def hand_back_unbegun(step: UUID, attempt: int, worker: WorkerProcess) -> UUID | None:
    """The same of an attempt that used nothing; its project, or None where the lease was another's by then."""
    rows = sql.rows(
        "put_back",
        step=step,
        attempt=attempt,
        failures=0,
        crashes=0,
        error="null",
        outcome=AttemptOutcome.HANDED_BACK.value,
        kind="step.handed_back",
        actor=worker.actor,
        delay=0.0,
        published=False,
    )
    return rows[0]["project_id"] if rows else None


def refuse_late(step: Claim, worker: WorkerProcess, outcome: str) -> None:
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


def is_cancelled(step: Claim) -> bool:
    """Whether nobody waits for the step any more."""
    row = Project.objects.filter(pk=step.project_id).values_list("state", "directive").first()
    return row is None or row[0] != ProjectState.RUNNING or row[1] == Directive.CANCEL


def _retryable(error: Exception) -> bool:
    if isinstance(error, ExpressionFailed):
        return False
    return error.retryable if isinstance(error, PhasegateError) else True


def describe(error: BaseException) -> dict[str, Any]:
    """An error as it is kept: its code, its message, and its type. What no column holds of it is replaced."""
    code = storable(str(error.code)) if isinstance(error, PhasegateError) else "agent_error"
    return {"code": code, "message": said_by(error)[:4000], "type": storable(type(error).__name__)}
