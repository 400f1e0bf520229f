"""Ends of attempts that no worker is at: an agent that was to answer later failed or fell silent, or a time is over.

What a worker does at the end of a call is done here without one. Where the step has a fallback a constant stands in
at once; for another agent the step goes back to the workers, the first of which asks that agent and nobody else.
"""

from __future__ import annotations

import json
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from agents.errors import AgentNotRegistered, AgentTimedOut
from agents.resilience import services as guards
from agents.resilience.fallback import Ask, Cause, Degraded
from agents.resilience.outcomes import ANSWERED
from agents.resilience.outcomes import Outcome as Ending
from agents.resilience.timeouts import TimeLimit
from agents.services import candidates, noting
from orchestrator_site.conf import conf
from projects import sql
from projects.models import Step, Timer
from projects.models.timer import TimerKind
from projects.planning.retrying import GiveUp
from projects.services import claims, failing, holding, performing, publishing
from projects.services.attempts import Claim, Outcome
from projects.services.workers import this_process
from projects.states import AttemptOutcome, StepState

ACTOR = "deadline"
OVER = GiveUp("its time with all attempts is over")


def fail(claim: Claim, error: Exception, actor: str) -> float | None:
    """Write down that an attempt failed; seconds until whoever calls has to send the step again, or None."""
    if failing.is_cancelled(claim):
        return failing.fail(claim, error, actor)
    decision = failing.decide(claim, error)
    if isinstance(decision, GiveUp):
        return _give_up(claim, decision, error, actor)
    timed_out = isinstance(error, AgentTimedOut)
    return failing.settle_failure(claim, decision, failing.describe(error), actor, timed_out=timed_out)


def _give_up(claim: Claim, decision: GiveUp, error: Exception, actor: str, *, asks: bool = True) -> float | None:
    """The last attempt has failed. ``asks`` if there are workers that can ask another agent instead."""
    cause = failing.cause_of(error)
    described, timed_out = failing.describe(error), cause is not Cause.FAILED
    match performing.next_fallback(claim, cause, error):
        case Degraded() as found:
            performed = performing.constant(claim, found)
            claims.complete(Outcome(claim, performed.text, 0, 0, 0.0, performed.degraded), this_process(), actor=actor)
            return None
        case Ask() if asks:
            marked = {"error": json.dumps(described | {performing.GIVEN_UP: True}), "kind": "step.retrying"}
            outcome = AttemptOutcome.TIMED_OUT if timed_out else AttemptOutcome.FAILED
            return failing.put_off(claim, 0.0, outcome, actor, marked | {"failures": 1})
    return failing.settle_failure(claim, decision, described, actor, timed_out=timed_out)


# --- the places of agents that answer later --------------------------------------------------------------------------


def hold_place(performer: str, place: guards.Kept, seconds: float) -> None:
    """The agent was heard of: it keeps the place for so many seconds from now."""
    with suppress(AgentNotRegistered):
        guards.hold(candidates.by_name(performer), place, seconds)


def give_place_back(step: UUID, attempt: int, outcome: Ending | None) -> None:
    """Free the place that an agent kept for an attempt which is over, after the commit; twice does nothing.

    ``outcome`` is what the end says of the agent; None where it says nothing. What nobody gives back, because he died
    before, ends with its lease.
    """
    for row in sql.rows("kept_place", step=step, attempt=attempt):
        transaction.on_commit(partial(_end_of_call, row, outcome))


def _end_of_call(row: dict[str, Any], outcome: Ending | None) -> None:
    try:
        agent = candidates.by_name(row["performer"])
    except AgentNotRegistered:
        return
    guards.end(agent, json.loads(row["place"]), outcome)
    if outcome is not None:
        noting.note(agent.id, ok=outcome == ANSWERED, seconds=row["seconds"])


# --- times that are over ---------------------------------------------------------------------------------------------


def overdue(timer: int, step_id: UUID, kind: str) -> bool:
    """A limit of time of a step was due. False: it has moved, or does not count any more.

    Where nobody began the step in time, or its time with all attempts is over, no attempt is made any more; one that
    runs is ended, and what comes of it is refused. One that asks the step's fallback has time of its own.
    """
    with transaction.atomic():
        rows = sql.rows("lock_overdue", step=step_id, timer=timer)
        if not rows or not sql.rows("take_deadline", timer=timer):
            return False
        row = rows[0]
        over = {name: row.pop(name) for name in ("state", "pool", "sent", "begun", "stands_in", "error")}
        if over["state"] == StepState.RUNNING and (kind == TimerKind.CLOSE or not over["begun"]):
            # Whoever is choosing an agent right now has found the time to be over, or will; a second look is cheap.
            ends = kind == TimerKind.CLOSE and not over["stands_in"]
            return ends and _end_running(claims.read(row), has_workers(over["pool"]))
        if over["state"] == StepState.READY:
            return _end_waiting(claims.read(row), TimeLimit[f"SCHEDULE_TO_{kind.upper()}"], over)
        Timer.objects.filter(pk=timer).delete()
    return False


def _end_running(claim: Claim, asks: bool) -> bool:
    again = _give_up(claim, OVER, holding.late(claim, TimeLimit.SCHEDULE_TO_CLOSE), ACTOR, asks=asks)
    give_place_back(claim.id, claim.attempt, None)
    if again is None:
        _forget_clocks(claim)
    else:
        publishing.after_commit_send_again(claim.id, again)
    return True


def _end_waiting(step: Claim, limit: TimeLimit, over: dict[str, Any]) -> bool:
    """A step that nobody works on: a worker stands in for it by another agent, or it ends here.

    What no worker would take ends here too, so that it does not wait for ever for one that asks its fallback.
    """
    error = holding.late(step, limit, over["error"] or "")
    if isinstance(performing.next_fallback(step, failing.cause_of(error), error), Ask) and has_workers(over["pool"]):
        if not over["sent"]:
            Step.objects.filter(pk=step.id).update(available_at=None, published_at=Now())
            publishing.after_commit_send_again(step.id, 0.0)
        return False
    claim = claims.claim_at_once(step, this_process())
    if claim is None:
        return False
    _give_up(claim, failing.WAITED_TOO_LONG if limit is TimeLimit.SCHEDULE_TO_START else OVER, error, ACTOR, asks=False)
    _forget_clocks(claim)
    return True


def _forget_clocks(claim: Claim) -> None:
    Timer.objects.filter(step_id=claim.id, kind__in=(TimerKind.START, TimerKind.CLOSE)).delete()
    publishing.wake(claim.project_id)


def has_workers(pool: str) -> bool:
    """Whether any process serves a pool, as far as they have said."""
    return bool(sql.rows("lanes", pool=json.dumps([pool]), lease=conf().lease_seconds)[0]["lanes"])
