"""Execute: claim a step, run its agent, commit the outcome.

A leg is a list of steps that one worker does. Those of a chain follow one another, each committed with the claim of the
next; of several steps at a time see ``batching``. Whatever an agent raises becomes state: nothing is raised to Celery.
Every write matches the attempt number, so that a worker that lost its lease changes nothing.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import DataError, connection
from structlog.contextvars import bind_contextvars, unbind_contextvars

from agents.errors import AgentTimedOut, NoAgentNow, ResultUnusable, WorkCancelled
from agents.resilience.fallback import Cause
from orchestrator_site import database, faults
from projects.errors import StartTimedOut
from projects.planning.retrying import GiveUp
from projects.services import claims, failing, holding, paces, performing
from projects.services.attempts import Claim, Outcome, Usage
from projects.services.claims import Committed
from projects.services.contexts import StepContext
from projects.services.performing import Performed
from projects.services.workers import Held, WorkerProcess, this_process
from projects.states import AttemptOutcome

_rng = random.Random()


@dataclass(slots=True)
class LegEnd:
    """How a leg ended: the steps to send again, each in how many seconds, and whether somebody has to look.

    ``look`` if a step failed for good or could not be claimed; ``spread`` are steps that turned out to be long, to be
    sent by themselves; ``finished`` if the last result was the end of the project, and nobody has to look; ``began``
    if any step was claimed; ``item`` one of the list of which all went well, and may go on in the same way.
    """

    again: list[tuple[UUID, float]]
    spread: tuple[UUID, ...] = ()
    look: bool = False
    finished: bool = False
    began: bool = False
    item: Claim | None = None

    def pass_over(self) -> None:
        """A step cannot be claimed. Of a leg of which nothing can be it is a message too many, and changes nothing:
        after a worker has died there may be thousands of them, and each would wait for the project's row."""
        self.look = self.look or self.began


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
            end.pass_over()
            continue
        end.began = True
        following = steps[index + 1] if index + 1 < len(steps) else None
        if following is None and hand_over is None and may_finish and not claimed.guarded:
            claimed = _do(claimed, worker, end, finish)
        else:
            claimed = _do(claimed, worker, end, commit, following, None if following else hand_over)
    return end


def _do(
    step: Claim, worker: WorkerProcess, end: LegEnd, commit: Callable[..., Committed | None], *next_of_leg: UUID | None
) -> Claim | None:
    """Do one step and commit it; the claim of the following one, if it was had."""
    held = worker.hold(step.id, step.attempt)
    try:
        outcome = perform_step(step, held, worker, end)
        committed = None if outcome is None else commit(outcome, worker, end, *next_of_leg)
    finally:
        worker.release(held)
    return committed.claimed[0] if committed is not None and committed.claimed else None


def commit(
    outcome: Outcome,
    worker: WorkerProcess,
    end: LegEnd,
    following: UUID | None = None,
    hand_over: UUID | None = None,
) -> Committed | None:
    """Commit one result; None where the database cannot hold it, by which the attempt fails."""
    return _settle(outcome, worker, end, lambda: claims.complete(outcome, worker, following, hand_over))


def finish(outcome: Outcome, worker: WorkerProcess, end: LegEnd) -> Committed | None:
    """The same, and the end of the project if that was all."""
    committed = _settle(outcome, worker, end, lambda: claims.finish([outcome], worker))
    end.finished = committed is not None and bool(committed.finished)
    return committed


def _settle(outcome: Outcome, worker: WorkerProcess, end: LegEnd, commit: Callable[[], Committed]) -> Committed | None:
    try:
        committed = commit()
    except DataError as error:
        fail_and_note(outcome.step, _unstorable(outcome.step, error), worker, end, outcome.usage)
        return None
    refuse_those_late([outcome], committed, worker, end)
    return committed


def _unstorable(step: Claim, error: DataError) -> ResultUnusable:
    return ResultUnusable(f"What agent {step.agent!r} returned cannot be stored: {error}".strip())


def perform_step(step: Claim, held: Held, worker: WorkerProcess, end: LegEnd) -> Outcome | None:
    """Call the agent; what it returned, or None where the attempt failed, which is then written down."""
    bind_contextvars(project=str(step.project_id), step=step.key, attempt=step.attempt)
    context = StepContext(step, held, worker.actor)
    try:
        began = time.perf_counter()
        faults.point("in_agent")
        performed = performing.perform(step, context, worker)
        paces.saw(step.paced_by, time.perf_counter() - began)
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
        if database.is_away(error) and not connection.is_usable():
            raise  # the database went away: the heartbeat of this process gives the step back once it is there again
        return _after_failure(step, error, worker, context, end)
    except BaseException:
        failing.hand_back(step, worker, _usage(context))
        raise
    finally:
        unbind_contextvars("project", "step", "attempt")


def _after_failure(
    step: Claim, error: Exception, worker: WorkerProcess, context: StepContext, end: LegEnd
) -> Outcome | None:
    """Write the failure down, or, where it was the last and the step has a fallback, commit what stands in.

    Nobody stands in where the work was called off: what came of it would not count.
    """
    called_off = isinstance(error, WorkCancelled) or not step.spec.get("fallback") or failing.is_cancelled(step)
    if not called_off and isinstance(failing.decide(step, error), GiveUp):
        performed = performing.stand_in(step, context, worker, cause=failing.cause_of(error), error=error)
        if performed is not None:
            return _outcome(step, performed, context)
    fail_and_note(step, error, worker, end, _usage(context))
    return None


def _usage(context: StepContext) -> Usage:
    return Usage(context.tokens_in, context.tokens_out, context.cost)


def fail_and_note(step: Claim, error: Exception, worker: WorkerProcess, end: LegEnd, usage: Usage) -> None:
    after = failing.fail(step, error, worker.actor, usage)
    if after is None:
        end.look = True
    else:
        end.again.append((step.id, after))


def _outcome(step: Claim, performed: Performed, context: StepContext) -> Outcome:
    return Outcome(step, performed.text, context.tokens_in, context.tokens_out, context.cost, performed.degraded)


def _hold(step: Claim, error: NoAgentNow, worker: WorkerProcess, context: StepContext, end: LegEnd) -> Outcome | None:
    """Nobody can take the step now: it waits, without a worker, and without having used an attempt.

    Where it has waited for longer than it may its fallback stands in, or it fails. Nobody has to look at the project
    for it: nothing follows, and of hundreds that find an agent full each would wait for its row.
    """
    try:
        holding.check(step, str(error))
    except StartTimedOut as late:
        return _too_late(step, late, worker, context, end)
    except AgentTimedOut as late:
        return _after_failure(step, late, worker, context, end)
    described = failing.describe(error) | {"nobody": error.nobody, "shut": error.shut}
    held = {"error": json.dumps(described), "kind": "step.held", "failures": 0}
    after = failing.put_off(step, holding.delay(step, error, _rng), AttemptOutcome.HELD, worker.actor, held)
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
    failing.settle_failure(step, failing.WAITED_TOO_LONG, failing.describe(late), worker.actor, timed_out=True)
    return None


def refuse_those_late(outcomes: Sequence[Outcome], committed: Committed, worker: WorkerProcess, end: LegEnd) -> None:
    for outcome in outcomes:
        if outcome.step.id not in committed.landed:
            end.look = True
            failing.refuse_late(outcome.step, worker, "completed")
