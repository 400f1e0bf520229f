"""Recovery: put back on its way whatever a crash, a lost message or a deadline has left.

It only puts back and lets ``advance`` look; it never runs a step. It may run as often and in as many places as it
likes: rows that another pass works on are skipped, and every write is guarded.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from redis.exceptions import RedisError

from orchestrator_site import faults
from orchestrator_site.conf import conf
from orchestrator_site.history import services as history
from projects import sql
from projects.models import Approval, Project, Worker
from projects.planning.retrying import GiveUp, after_crash
from projects.services import advancing, approvals, control, doorbell, guards, schedules, turns
from projects.states import AttemptOutcome, Directive, ProjectState

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
    steps_sent_for: int = 0
    approvals_timed_out: int = 0
    projects_started: int = 0
    projects_advanced: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def anything(self) -> bool:
        """Whether the pass found anything to do."""
        return any((self.steps_taken_back, self.steps_failed, self.messages_sent_again, self.approvals_timed_out))


def recover() -> Recovered:
    """One pass: silent workers, lost messages, deadlines, projects that wait for others, projects nobody looks at."""
    done = Recovered()
    parts = (
        _take_back,
        _look_for_room,
        _send_again,
        _time_out,
        _fire_schedules,
        _start_followers,
        _advance_neglected,
        _forget_workers,
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
    if done.anything:
        logger.info("recovery: %s", done)
    return done


def _take_back(done: Recovered) -> None:
    with transaction.atomic():
        silent = sql.rows("silent", grace=TIMEOUT_GRACE, limit=BATCH)
        if silent:
            guards.hold(step["id"] for step in silent)
        for step in silent:
            faults.point("in_recovery")
            _put_back(step, done)
            guards.settle(step["id"], step["attempt"])


def _put_back(step: dict[str, Any], done: Recovered) -> None:
    """Give a step to others, or fail it if it has taken its worker down too often."""
    lost = step["lost"]
    message = "its worker died or fell silent" if lost else "it went on long after its timeout"
    error = {
        "code": "worker_lost" if lost else "agent_timed_out",
        "message": f"The attempt was lost: {message}.",
    }
    common = {
        "step": step["id"],
        "attempt": step["attempt"],
        "actor": "recovery",
        "failures": 0,
        "crashes": 1,
    }
    if step["directive"] == Directive.CANCEL:
        sql.rows("cancel_attempt", step=step["id"], attempt=step["attempt"], actor="recovery")
        return
    decision = after_crash(crashes=step["crashes"] + 1, limit=conf().crash_limit)
    outcome = AttemptOutcome.LOST if lost else AttemptOutcome.TIMED_OUT
    if isinstance(decision, GiveUp):
        poison = error | {"code": "poison_step" if lost else error["code"], "cause": decision.cause}
        sql.rows("give_up", error=json.dumps(poison), outcome=outcome.value, **common)
        done.steps_failed += 1
        return
    sql.rows(
        "put_back",
        error=json.dumps(error),
        outcome=outcome.value,
        kind="step.taken_back",
        delay=0.0,
        published=False,
        **common,
    )
    done.steps_taken_back += 1


def _look_for_room(done: Recovered) -> None:
    """Steps that stood aside for want of room, and whose timer is due."""
    done.steps_sent_for = turns.look_again()


def _send_again(done: Recovered) -> None:
    """Messages that nobody claimed in time, or all of them if Redis has been emptied since the last pass."""
    emptied = doorbell.was_emptied()
    bound = 0.0 if emptied else conf().publish_bound_seconds
    done.messages_sent_again = len(sql.rows("unpublish", bound=bound, limit=BATCH * 20))
    if emptied:
        if done.messages_sent_again:
            logger.warning("Redis was emptied: %s steps are sent again", done.messages_sent_again)
        doorbell.set_up()


def _time_out(done: Recovered) -> None:
    for approval in Approval.objects.overdue().select_related("project", "phase")[:BATCH]:
        if approvals.time_out(approval):
            done.approvals_timed_out += 1


def _fire_schedules(done: Recovered) -> None:
    """Slots that have come; beat looks too, and whoever comes second finds nothing."""
    done.projects_started += schedules.fire_due().started


def _start_followers(done: Recovered) -> None:
    followers = Project.after.through.objects.values("from_project_id")
    for project in Project.objects.filter(state=ProjectState.PENDING, pk__in=followers)[:BATCH]:
        done.projects_started += control.start_if_its_turn(project)


def _advance_neglected(done: Recovered) -> None:
    found: Iterable[UUID] = [row["id"] for row in sql.rows("neglected", limit=BATCH)]
    for project_id in found:
        try:
            advancing.advance(project_id)
            done.projects_advanced += 1
        except Exception as error:
            logger.exception("recovery: project %s cannot be advanced", project_id)
            done.errors.append(f"project {project_id}: {error}")
            _note_stuck(project_id, error)


def _note_stuck(project_id: UUID, error: Exception) -> None:
    """Say in the project's history why it does not move, once for as long as the reason stays the same."""
    reason = f"{type(error).__name__}: {error}"[:500]
    latest = history.events_of(project_id).filter(kind="project.stuck").order_by("-id").first()
    if latest is None or latest.data.get("reason") != reason:
        history.append(project_id, "project.stuck", actor="recovery", data={"reason": reason})


def _forget_workers(_done: Recovered) -> None:
    """Rows of workers that have said nothing for ten leases."""
    Worker.objects.filter(seen_at__lt=Now() - timedelta(seconds=conf().lease_seconds * 10)).delete()
