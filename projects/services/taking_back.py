"""Taking steps back: from workers that died, fell silent or lost the database, and from agents that are gone.

Each is given to others, or failed where it has taken its worker down too often. Every write matches the attempt.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.errors import AgentTimedOut
from agents.resilience.outcomes import Outcome, outcome_of
from orchestrator_site import database, faults
from orchestrator_site.conf import conf
from projects import sql
from projects.models import Worker
from projects.planning.retrying import GiveUp, after_crash
from projects.services import claims, concluding, failing, guards, passes, publishing
from projects.services.passes import Recovered
from projects.services.workers import WorkerProcess
from projects.states import AttemptOutcome, Directive

logger = logging.getLogger(__name__)

TIMEOUT_GRACE = 30.0
"""Seconds past its timeout at which an attempt is taken from a worker that cannot stop it."""
WAITED = 1.0
"""Seconds that a step which was claimed together with others waits at most to begin."""


def suspicion() -> float:
    """Seconds for which a worker's lock must have been seen free before the worker is taken for dead.

    One that lives and lost its connection has it again after its next look, and the time that it takes to connect.
    """
    return max(0.4, 1.6 * conf().watch_seconds)


def take_back_from_the_dead(*, except_for: UUID) -> int:
    """Take back what dead worker processes held, and go on with their projects at once; how many steps it were."""
    dead = [row["id"] for row in sql.rows("free_locks", but=except_for, grace=suspicion())]
    return _bury(dead) if dead else 0


def mourn(host: str, pid: int) -> int:
    """Take back what a process held that its parent saw die. No second look is needed: the parent knows."""
    return _bury(list(Worker.objects.filter(host=host, pid=pid).values_list("pk", flat=True)))


def is_anything_abandoned(worker: UUID, held: Sequence[UUID]) -> bool:
    """Whether a worker that lives has steps that it does not work on."""
    return bool(sql.rows("is_abandoned", worker=worker, held=list(held), lease=conf().lease_seconds)[0]["found"])


def give_back_what_is_abandoned(worker: UUID, held: Sequence[UUID]) -> int:
    """Give back the steps of a worker that lives and does not work on them: it lost the database in the middle."""
    with database.patience(), transaction.atomic():
        found = _settleable(sql.rows("abandoned", worker=worker, held=list(held), lease=conf().lease_seconds))
        done = Recovered()
        for step in found:
            _put_back(step | {"lost": True}, done, why=ABANDONED)
    passes.go_on_with({step["project_id"] for step in found}, done)
    return len(found)


def give_back_what_waits(worker: WorkerProcess) -> int:
    """Give back what a worker claimed together with a step that turned out to be long, and has not begun; how many.

    The worker is in that step and cannot. Others are free to begin it: nobody would, while its timeout passes.
    """
    done = Recovered()
    waiting = worker.let_go(WAITED)
    found = [failing.hand_back_unbegun(each.step, each.attempt, worker) for each in waiting]
    for project_id in dict.fromkeys(found):
        if project_id is not None:
            passes.advance(project_id, done)
    return len(waiting)


def take_back_from_agents(gone: Sequence[str]) -> int:
    """Take back the steps that agents which are gone took to answer later; how many. Within a transaction."""
    found = sql.rows("left_to_agents", agents=list(gone))
    if found:
        guards.hold(step["id"] for step in found)
    done = Recovered()
    for step in found:
        _put_back(step, done, why=AGENT_GONE)
    for project_id in {step["project_id"] for step in found}:
        publishing.wake(project_id)
    return len(found)


def _bury(dead: list[UUID]) -> int:
    done = Recovered()
    with database.patience(), transaction.atomic():
        held = _settleable(sql.rows("held_by", workers=dead))
        for step in held:
            faults.point("in_recovery")
            _put_back(step, done)
        projects = {step["project_id"] for step in held}
        unsent = sql.rows("unpublish_after_deaths", projects=list(projects), workers=dead)
        projects |= {row["project_id"] for row in unsent}
        sql.execute("forget_workers", workers=dead)
    if held:
        logger.warning("%s worker processes died with %s steps, which are taken back", len(dead), len(held))
    passes.go_on_with(projects, done)
    return len(held)


def take_back_what_is_silent(done: Recovered) -> None:
    """Steps whose lease has run out, or that went on long after their timeout."""
    with transaction.atomic():
        silent = _settleable(sql.rows("silent", grace=TIMEOUT_GRACE, limit=passes.BATCH))
        for step in silent:
            faults.point("in_recovery")
            _put_back(step, done)


def _settleable(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of steps that are to be taken back those that can be settled now: nobody else has a budget of theirs."""
    later = guards.hold_if_free(step["id"] for step in steps) if steps else set()
    return [step for step in steps if step["id"] not in later]


@dataclass(frozen=True, slots=True)
class Why:
    """Why a step is taken from its worker; ``counts`` if it may be the step that took the worker down."""

    code: str
    message: str
    outcome: AttemptOutcome
    counts: bool = True


LOST = Why("worker_lost", "its worker died or fell silent", AttemptOutcome.LOST)
OVERDUE = Why("agent_timed_out", "it went on long after its timeout", AttemptOutcome.TIMED_OUT)
AGENT_GONE = Why("agent_gone", "the agent that took it is gone", AttemptOutcome.LOST, counts=False)
ABANDONED = Why("database_lost", "its worker lost the database in the middle of it", AttemptOutcome.LOST, counts=False)


def _put_back(step: dict[str, Any], done: Recovered, why: Why | None = None) -> None:
    """Give a step to others, or fail it if it has taken its worker down too often; what it reserved counts as used."""
    said = _end(step, done, why)
    if step.get("left_to_agent"):
        concluding.give_place_back(step["id"], step["attempt"], said)
    guards.settle(step["id"], step["attempt"])


def _end(step: dict[str, Any], done: Recovered, why: Why | None) -> Outcome | None:
    """End the attempt; what that says of the agent that it was left to."""
    if step.get("left_to_agent") and step["directive"] != Directive.CANCEL and why is None:
        return _end_of_silent_agent(step, done)
    why = why or (LOST if step["lost"] else OVERDUE)
    if step["directive"] == Directive.CANCEL:
        sql.rows("cancel_attempt", step=step["id"], attempt=step["attempt"], actor="recovery")
        return None
    error = {"code": why.code, "message": f"The attempt was lost: {why.message}."}
    common = {
        "step": step["id"],
        "attempt": step["attempt"],
        "actor": "recovery",
        "outcome": why.outcome.value,
        "failures": 0,
        "crashes": int(why.counts),
    }
    decision = after_crash(crashes=step["crashes"] + common["crashes"], limit=conf().crash_limit)
    if why.counts and isinstance(decision, GiveUp):
        code = "poison_step" if why is LOST else why.code
        sql.rows("give_up", error=json.dumps(error | {"code": code, "cause": decision.cause}), **common)
        done.steps_failed += 1
        return None
    sql.rows("put_back", error=json.dumps(error), kind="step.taken_back", delay=0.0, published=False, **common)
    done.steps_taken_back += 1
    return None


def _end_of_silent_agent(step: dict[str, Any], done: Recovered) -> Outcome | None:
    """An agent that was to answer later was not heard of: its attempt has failed, as one that took too long."""
    claim = claims.held(step["id"], step["attempt"])
    if claim is None:
        return None
    error = AgentTimedOut("The agent that took the step was not heard of in time.")
    again = concluding.fail(claim, error, "recovery")
    if again is None:
        publishing.wake(step["project_id"])
        done.steps_failed += 1
    else:
        publishing.after_commit_send_again(claim.id, again)
        done.steps_taken_back += 1
    return outcome_of(error)
