"""Execute: claim a step, run its agent, commit the outcome.

A leg is a list of steps that one worker does. Those of a chain follow one another, each committed with the claim of the
next; those of a packed leg stand side by side, and short ones are claimed and committed several at once. Whatever an
agent raises becomes state: nothing is raised to Celery. Every write matches the attempt number, so that a worker that
lost its lease changes nothing.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import DataError, InterfaceError, OperationalError, connection
from structlog.contextvars import bind_contextvars, unbind_contextvars

from agents.errors import AgentBusy, AgentTimedOut, NoAgentNow, ResultUnusable
from agents.resilience.fallback import Cause
from agents.resilience.outcomes import delay_with
from orchestrator_site import faults
from orchestrator_site.conf import conf
from orchestrator_site.errors import PhasegateError
from orchestrator_site.history import services as history
from projects import sql
from projects.blueprints.errors import ExpressionFailed
from projects.blueprints.schema import RetryPolicy
from projects.errors import StartTimedOut
from projects.models import Attempt, Project, Timer
from projects.models.timer import TimerKind
from projects.planning import budgeting
from projects.planning.packing import LONG, batch_size
from projects.planning.retrying import GiveUp, Retry, after_failure
from projects.services import claims, holding, paces, performing
from projects.services.attempts import NOTHING, Claim, Outcome, Usage
from projects.services.claims import Committed
from projects.services.contexts import StepContext
from projects.services.performing import Performed
from projects.services.workers import Held, WorkerProcess, this_process
from projects.states import AttemptOutcome, Directive, ProjectState

logger = logging.getLogger(__name__)
_rng = random.Random()


@dataclass(slots=True)
class LegEnd:
    """How a leg ended: the steps to send again, each in how many seconds, and whether somebody has to look.

    ``look`` if a step failed or could not be claimed; ``spread`` are steps that turned out to be long, to be sent by
    themselves; ``finished`` if the last result was the end of the project, and nobody has to look.
    """

    again: list[tuple[UUID, float]]
    spread: tuple[UUID, ...] = ()
    look: bool = False
    finished: bool = False


def run_leg(project: UUID, steps: Sequence[UUID], hand_over: UUID | None = None, *, may_finish: bool = False) -> LegEnd:
    """Do the steps one after another; ``hand_over`` is the first step of the leg that follows, on another pool.

    A step that cannot be claimed is passed over: somebody else has it, or its project is held. ``may_finish`` if
    nothing stands beside the leg, so that its end may well be that of the project.
    """
    worker = this_process()
    end = LegEnd([])
    claimed: Claim | None = None
    for index, step in enumerate(steps):
        if claimed is None or claimed.id != step:
            claimed = claims.claim(project, step, worker)
        if claimed is None:
            end.look = True
            continue
        following = steps[index + 1] if index + 1 < len(steps) else None
        if following is None and hand_over is None and may_finish and not claimed.guarded:
            claimed = _do(claimed, worker, end, _finish)
        else:
            claimed = _do(claimed, worker, end, _commit, following, None if following else hand_over)
    return end


def run_packed(project: UUID, steps: Sequence[UUID], *, may_spread: bool = True) -> LegEnd:
    """Do steps that stand side by side, short ones in batches; see ``planning.packing``.

    The first one goes alone. Where a step turns out to be long, those that are
    left are given back to be sent by themselves, unless the list says how many may run at once.
    """
    worker = this_process()
    end = LegEnd([])
    waiting, size = list(steps), 1
    outcomes: list[Outcome] = []
    while waiting or outcomes:
        committed = _commit_batch(project, outcomes, worker, end, waiting, size)
        outcomes = []
        if not committed.claimed:
            # The project is held, or the message came twice, or again: whoever has the rest does it.
            end.look = end.look or bool(waiting)
            break
        taken = {step.id for step in committed.claimed}
        waiting = [step for step in waiting if step not in taken]
        began = time.perf_counter()
        outcomes = _do_batch(project, committed.claimed, worker, end)
        seconds = (time.perf_counter() - began) / len(committed.claimed)
        usual = paces.usual(_agent(committed.claimed[0]))
        size = batch_size(seconds, before=size, budget=conf().batch_seconds, usual=usual)
        if seconds >= LONG and may_spread:
            end.spread, waiting = tuple(waiting), []
    return end


def _do(
    step: Claim, worker: WorkerProcess, end: LegEnd, commit: Callable[..., Committed | None], *next_of_leg: UUID | None
) -> Claim | None:
    """Do one step and commit it; the claim of the following one, if it was had."""
    held = worker.hold(step.id, step.attempt)
    try:
        outcome = _perform(step, held, worker, end)
        committed = None if outcome is None else commit(outcome, worker, end, *next_of_leg)
    finally:
        worker.release(held)
    return committed.claimed[0] if committed is not None and committed.claimed else None


def _commit(
    outcome: Outcome,
    worker: WorkerProcess,
    end: LegEnd,
    following: UUID | None = None,
    hand_over: UUID | None = None,
) -> Committed | None:
    """Commit one result; None where the database cannot hold it, by which the attempt fails."""
    return _settle(outcome, worker, end, lambda: claims.complete(outcome, worker, following, hand_over))


def _finish(outcome: Outcome, worker: WorkerProcess, end: LegEnd) -> Committed | None:
    """The same, and the end of the project if that was all."""
    committed = _settle(outcome, worker, end, lambda: claims.finish(outcome, worker))
    end.finished = committed is not None and committed.finished
    return committed


def _settle(outcome: Outcome, worker: WorkerProcess, end: LegEnd, commit: Callable[[], Committed]) -> Committed | None:
    try:
        committed = commit()
    except DataError as error:
        _fail_and_note(outcome.step, _unstorable(outcome.step, error), worker, end, outcome.usage)
        return None
    _refuse_those_late([outcome], committed, worker, end)
    return committed


def _commit_batch(
    project: UUID,
    outcomes: Sequence[Outcome],
    worker: WorkerProcess,
    end: LegEnd,
    following: Sequence[UUID] = (),
    most: int = 0,
) -> Committed:
    """Commit a batch and claim the next; where the database cannot hold one of the results, each by itself."""
    try:
        committed = claims.complete_batch(project, outcomes, worker, following, most)
    except DataError:
        for outcome in outcomes:
            _commit(outcome, worker, end)
        return claims.complete_batch(project, (), worker, following, most)
    _refuse_those_late(outcomes, committed, worker, end)
    return committed


def _unstorable(step: Claim, error: DataError) -> ResultUnusable:
    return ResultUnusable(f"What agent {step.agent!r} returned cannot be stored: {error}".strip())


def _do_batch(project: UUID, steps: Sequence[Claim], worker: WorkerProcess, end: LegEnd) -> list[Outcome]:
    """Do the steps of a batch; what is to be committed. Told to stop in between, what was not begun is given back."""
    held = [worker.hold(step.id, step.attempt) for step in steps]
    outcomes: list[Outcome] = []
    try:
        for place, step in enumerate(steps):
            if place:
                faults.point("in_batch")
            try:
                outcome = _perform(step, held[place], worker, end)
            except BaseException:
                _commit_batch(project, outcomes, worker, end)
                for rest in steps[place + 1 :]:
                    _hand_back(rest, worker)
                raise
            if outcome is not None:
                outcomes.append(outcome)
    finally:
        for each in held:
            worker.release(each)
    return outcomes


def _perform(step: Claim, held: Held, worker: WorkerProcess, end: LegEnd) -> Outcome | None:
    """Call the agent; what it returned, or None where the attempt failed, which is then written down."""
    bind_contextvars(project=str(step.project_id), step=step.key, attempt=step.attempt)
    context = StepContext(step, held, worker.actor)
    try:
        began = time.perf_counter()
        faults.point("in_agent")
        performed = performing.perform(step, context, worker)
        paces.saw(_agent(step), time.perf_counter() - began)
        if performed.left is not None:
            performing.leave(performed.left, step, worker)
            return None
        faults.point("after_agent")
        return _outcome(step, performed, context)
    except NoAgentNow as error:
        return _hold(step, error, worker, context, end)
    except StartTimedOut as error:
        return _too_late(step, error, worker, context, end)
    except Exception as error:
        if isinstance(error, OperationalError | InterfaceError) and not connection.is_usable():
            raise  # the database went away: the heartbeat of this process gives the step back once it is there again
        return _after_failure(step, error, worker, context, end)
    except BaseException:
        _hand_back(step, worker, _usage(context))
        raise
    finally:
        unbind_contextvars("project", "step", "attempt")


def _after_failure(
    step: Claim, error: Exception, worker: WorkerProcess, context: StepContext, end: LegEnd
) -> Outcome | None:
    """Write the failure down, or, where it was the last and the step has a fallback, commit what stands in."""
    if step.spec.get("fallback") and not is_cancelled(step) and isinstance(decide(step, error), GiveUp):
        performed = performing.stand_in(step, context, worker, cause=cause_of(error), error=error)
        if performed is not None:
            return _outcome(step, performed, context)
    _fail_and_note(step, error, worker, end, _usage(context))
    return None


def _usage(context: StepContext) -> Usage:
    return Usage(context.tokens_in, context.tokens_out, context.cost)


def _fail_and_note(step: Claim, error: Exception, worker: WorkerProcess, end: LegEnd, usage: Usage) -> None:
    end.look = True
    after = fail(step, error, worker.actor, usage)
    if after is not None:
        end.again.append((step.id, after))


def _agent(step: Claim) -> str:
    """By what the pace of its agents is known."""
    return step.agent or str(step.spec.get("capability", ""))


def _outcome(step: Claim, performed: Performed, context: StepContext) -> Outcome:
    return Outcome(step, performed.text, context.tokens_in, context.tokens_out, context.cost, performed.degraded)


def _hold(step: Claim, error: NoAgentNow, worker: WorkerProcess, context: StepContext, end: LegEnd) -> Outcome | None:
    """Nobody can take the step now: it waits, without a worker, and without having used an attempt.

    Where it has waited for longer than it may its fallback stands in, or it fails.
    """
    end.look = True
    try:
        holding.check(step, str(error))
    except StartTimedOut as late:
        return _too_late(step, late, worker, context, end)
    except AgentTimedOut as late:
        return _after_failure(step, late, worker, context, end)
    held = {"error": json.dumps(describe(error)), "kind": "step.held", "failures": 0}
    after = put_off(step, holding.delay(step, error.retry_after, _rng), AttemptOutcome.HELD, worker.actor, held)
    if after is not None:
        end.again.append((step.id, after))
    return None


def _too_late(
    step: Claim, late: StartTimedOut, worker: WorkerProcess, context: StepContext, end: LegEnd
) -> Outcome | None:
    """Nobody began the step in time: its fallback stands in, or it fails."""
    end.look = True
    performed = performing.stand_in(step, context, worker, cause=Cause.NO_AGENT, error=late)
    if performed is not None:
        return _outcome(step, performed, context)
    settle_failure(step, WAITED_TOO_LONG, describe(late), worker.actor, timed_out=True)
    return None


def put_off(
    step: Claim, delay: float, outcome: AttemptOutcome, actor: str, said: dict[str, Any], usage: Usage = NOTHING
) -> float | None:
    """Put a step back for so many seconds; the seconds, where this worker is to send it again."""
    soon = delay <= SOON
    params = {"step": step.id, "attempt": step.attempt, "crashes": 0, "outcome": outcome.value, "actor": actor}
    if not _end(step, usage, "put_back", outcome.value, params | said | {"delay": delay, "published": soon}):
        return None
    if soon:
        return delay
    Timer.objects.set_for_step(project_id=step.project_id, step_id=step.id, kind=TimerKind.RETRY, seconds=delay)
    return None


def _refuse_those_late(outcomes: Sequence[Outcome], committed: Committed, worker: WorkerProcess, end: LegEnd) -> None:
    for outcome in outcomes:
        if outcome.step.id not in committed.landed:
            end.look = True
            _refuse_late(outcome.step, worker, "completed")


def fail(step: Claim, error: Exception, actor: str, usage: Usage = NOTHING) -> float | None:
    """Write a failed attempt down; seconds until it is to be sent again by this process, or None."""
    described = describe(error)
    if not isinstance(error, PhasegateError):
        logger.exception("agent %s failed at %s of project %s", step.agent, step.key, step.project_id)
    if is_cancelled(step):
        _end(
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


WAITED_TOO_LONG = GiveUp("it waited too long for somebody to begin it")


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
        _end(step, usage, "give_up", outcome.value, given_up)
        return None
    said = {"error": json.dumps(error), "kind": "step.retrying", "failures": 1}
    return put_off(step, decision.delay, outcome, actor, said, usage)


def _end(step: Claim, usage: Usage, statement: str, outcome: str, params: dict[str, Any]) -> bool:
    """End an attempt without a result, with what it used; whether its lease was still ours."""
    with claims.ending(step):
        landed = bool(sql.rows(statement, **params))
        if landed:
            _note_usage(step, usage)
            claims.book(step, usage)
    if not landed:
        _refuse_late(step, this_process(), outcome)
    return landed


def _note_usage(step: Claim, usage: Usage) -> None:
    """An attempt that failed has used something too, and reports add up what attempts say."""
    if usage != NOTHING:
        Attempt.objects.filter(step_id=step.id, number=step.attempt).update(
            tokens_in=usage.tokens_in,
            tokens_out=usage.tokens_out,
            cost=min(budgeting.exact(usage.cost), LARGEST_COST),
        )


def _hand_back(step: Claim, worker: WorkerProcess, usage: Usage = NOTHING) -> None:
    """Give a step back at once: this process is told to stop, and nobody should wait for its lease to run out."""
    with claims.ending(step):
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
            claims.book(step, usage)


LARGEST_COST = Decimal(99_999_999)
"""What the column of an attempt's cost holds."""
SOON = 5.0
"""A retry due within as many seconds rides a Celery countdown; a later one has a timer."""


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


def is_cancelled(step: Claim) -> bool:
    """Whether nobody waits for the step any more."""
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
