"""Recovery: put back on its way whatever a crash, a lost message or a deadline has left.

It only puts back and lets ``advance`` look; it never runs a step. It may run as often and in as many places as it
likes: rows that another pass works on are skipped, and every write is guarded.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from redis.exceptions import RedisError

from agents.errors import AgentTimedOut
from agents.resilience.outcomes import Outcome, outcome_of
from agents.services import expiry
from orchestrator_site import database, faults
from orchestrator_site.conf import conf
from orchestrator_site.history.sealing import seal_pending
from projects import sql
from projects.models import Timer, Worker
from projects.planning.retrying import GiveUp, after_crash
from projects.services import (
    advancing,
    backlog,
    claims,
    concluding,
    control,
    doorbell,
    failing,
    guards,
    interventions,
    publishing,
    schedules,
    stuck,
    timers,
)
from projects.services.workers import WorkerProcess
from projects.states import AttemptOutcome, Directive

logger = logging.getLogger(__name__)

BATCH = 500
TIMEOUT_GRACE = 30.0
"""Seconds past its timeout at which an attempt is taken from a worker that cannot stop it."""


@dataclass(slots=True)
class Recovered:
    """What one pass found and did."""

    steps_taken_back: int = 0
    steps_failed: int = 0
    messages_sent_again: int = 0
    approvals_timed_out: int = 0
    projects_overdue: int = 0
    timers_fired: int = 0
    projects_started: int = 0
    projects_advanced: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def anything(self) -> bool:
        """Whether the pass found anything to do."""
        return any(
            (
                self.steps_taken_back,
                self.steps_failed,
                self.messages_sent_again,
                self.approvals_timed_out,
                self.projects_overdue,
                self.timers_fired,
            )
        )


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


def recover_if_overdue() -> bool:
    """Do a pass of recovery where nobody has for a while: beat, or the worker that it wakes, may be down."""
    if not sql.rows("pulse_overdue", work="recovery", bound=conf().recovery_seconds * 3)[0]["overdue"]:
        return False
    recover()
    seal_pending()
    expiry.sweep()
    return True


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
    _go_on_with({step["project_id"] for step in found}, done)
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
            _advance(project_id, done)
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
    _go_on_with(projects, done)
    return len(held)


def recover() -> Recovered:
    """One pass: silent workers, lost messages, deadlines, projects that wait for others, projects nobody looks at.

    What somebody holds at this moment is left to the next pass, whose work it may not be any more.
    """
    done = Recovered()
    with database.patience():
        _recover(done)
    if done.anything:
        logger.info("recovery: %s", done)
    return done


def _recover(done: Recovered) -> None:
    sql.execute("pulse", work="recovery")
    parts = (
        _take_back,
        _send_again,
        _agree_timers,
        _fire_timers,
        _settle_plans,
        _fire_schedules,
        _start_followers,
        _advance_neglected,
        _forget,
    )
    for part in parts:
        try:
            part(done)
        except RedisError as error:
            done.errors.append(f"{part.__name__}: {error}")
        except Exception as error:
            # One broken row must not keep recovery from the others.
            logger.exception("recovery: %s failed", part.__name__)
            done.errors.append(f"{part.__name__}: {error}")


def _take_back(done: Recovered) -> None:
    with transaction.atomic():
        silent = _settleable(sql.rows("silent", grace=TIMEOUT_GRACE, limit=BATCH))
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


def _send_again(done: Recovered) -> None:
    """Messages that are lost, as nobody claimed them in time, or all if Redis has been emptied since the last pass."""
    emptied = doorbell.was_emptied()
    standing = [] if emptied else backlog.standing()
    done.messages_sent_again = len(
        sql.rows(
            "unpublish",
            bound=0.0 if emptied else conf().publish_bound_seconds,
            pools=[pool for pool, _ in standing],
            priorities=[priority for _, priority in standing],
            limit=BATCH * 20,
        )
    )
    if emptied:
        if done.messages_sent_again:
            logger.warning("Redis was emptied: %s steps are sent again", done.messages_sent_again)
        doorbell.set_up()


def _agree_timers(_done: Recovered) -> None:
    """Timers that disagree with what is shown."""
    Timer.objects.agree_with_all()


def _fire_timers(done: Recovered) -> None:
    """What is due, wherever beat's own task does not do it."""
    fired = timers.fire_due(BATCH)
    done.timers_fired, done.projects_overdue = fired.woken, fired.projects
    done.approvals_timed_out = fired.approvals


def _settle_plans(_done: Recovered) -> None:
    """Changes of plans that people have answered, of projects that nobody else looks at: failed, over, not begun."""
    interventions.settle_all(BATCH)


def _fire_schedules(done: Recovered) -> None:
    """Slots that have come; beat looks too, and whoever comes second finds nothing."""
    done.projects_started += schedules.fire_due().started


def _start_followers(done: Recovered) -> None:
    for project_id in _followers.take():
        try:
            done.projects_started += control.start_if_its_turn(project_id)
        except Exception as error:
            if database.is_away(error) and not database.is_held(error):
                raise
            logger.exception("recovery: project %s cannot begin", project_id)
            done.errors.append(f"project {project_id}: {error}")


def _advance_neglected(done: Recovered) -> None:
    for project_id in _neglected.take(window=conf().fanout_window):
        _advance(project_id, done)


class _Turn:
    """The projects that a statement names, the most urgent first and at most ``BATCH`` a pass of this process.

    Where there are more a pass goes on where the one before it stopped, so that the first of them, about which nothing
    can be done perhaps, never hide the rest.
    """

    _FIRST = (-1, UUID(int=0))

    def __init__(self, statement: str) -> None:
        self.statement = statement
        self._after = self._FIRST

    def take(self, **params: Any) -> list[UUID]:
        """Those whose turn it is in this pass."""
        rows = self._rows(self._after, params)
        if len(rows) < BATCH and self._after != self._FIRST:
            seen = {row["id"] for row in rows}
            rows += [row for row in self._rows(self._FIRST, params) if row["id"] not in seen][: BATCH - len(rows)]
        self._after = (rows[-1]["priority"], rows[-1]["id"]) if len(rows) == BATCH else self._FIRST
        return [row["id"] for row in rows]

    def _rows(self, after: tuple[int, UUID], params: dict[str, Any]) -> list[dict[str, Any]]:
        return sql.rows(self.statement, priority=after[0], after=after[1], limit=BATCH, **params)


_followers, _neglected = _Turn("followers"), _Turn("neglected")


def _go_on_with(projects: Iterable[UUID], done: Recovered) -> None:
    """Advance projects of which steps were taken back: whoever holds one now may have looked before that.

    Those that are held come last, so that they keep none of the others waiting.
    """
    for project_id in [each for each in projects if not _advance(each, done)]:
        _advance(project_id, done, wait=True)


def _advance(project_id: UUID, done: Recovered, *, wait: bool = False) -> bool:
    """Advance a project; False where somebody else holds it."""
    try:
        if wait:
            moved = advancing.advance_or_leave(project_id)
        else:
            moved = advancing.advance(project_id, if_free=True) is not None
        done.projects_advanced += moved
        return moved
    except Exception as error:
        if database.is_held(error):
            return False
        logger.exception("recovery: project %s cannot be advanced", project_id)
        done.errors.append(f"project {project_id}: {error}")
        stuck.note(project_id, error, actor="recovery")
        return True


def _forget(_done: Recovered) -> None:
    """Rows of workers that have said nothing for ten leases, and timers of projects that are over."""
    sql.execute("forget_timers", limit=BATCH)
    Worker.objects.filter(seen_at__lt=Now() - timedelta(seconds=conf().lease_seconds * 10)).delete()
