"""Timers: rows that are due at a moment of the database's clock, and what happens then.

Beat has ``fire_due`` called every second, recovery calls it too, and a short Celery countdown rides beside for those
that are due within the next two seconds: a message too many, too few or too early does no harm. Timers of a paused
project do not fire; a pause moves them by its length when it ends (``trees``).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models.functions import Now
from redis.exceptions import RedisError

from orchestrator_site import database, faults
from orchestrator_site.conf import conf
from orchestrator_site.history import services as history
from projects import sql
from projects.models import Approval, Project, Step, Timer
from projects.models.timer import TimerKind
from projects.planning.chiming import moments
from projects.services import approvals, concluding, publishing, stuck, trees, turns

logger = logging.getLogger(__name__)

ACTOR = "deadline"
BATCH = 500
MOST_SOON = 1000
MOST_RINGS = 25
"""Messages with a countdown in one pass: a worker holds at most ``CELERY_WORKER_ETA_TASK_LIMIT`` of them."""


@dataclass(slots=True)
class Fired:
    """What one pass did: projects woken; approvals, steps and projects whose time had passed."""

    woken: int = 0
    approvals: int = 0
    steps: int = 0
    projects: int = 0


def set_timer(step: Step, kind: TimerKind, seconds: float) -> datetime:
    """Have the project of a step be looked at in so many seconds; a second call of the same kind moves the moment.

    Seconds of the project's clock: in a pause they count from its end. Returns the moment as things stand.
    """
    due_at = Timer.objects.set_for_step(project_id=step.project_id, step_id=step.pk, kind=kind, seconds=seconds)
    if seconds <= look_ahead():
        publishing.ring(seconds)
    return due_at


def watch_approval(approval: Approval, seconds: float | None) -> None:
    """Set the timer of an approval that was just opened with a deadline in so many seconds, or without one."""
    if seconds is not None:
        Timer.objects.agree_with_approval(approval.pk)
        if seconds <= look_ahead():
            publishing.ring(seconds)


def set_deadline(project: Project, seconds: float) -> None:
    """Have a project be over in so many seconds from now, or else what its blueprint says."""
    Project.objects.filter(pk=project.pk).update(deadline=Now() + timedelta(seconds=seconds))
    project.refresh_from_db(fields=["deadline"])
    Timer.objects.agree_with_project(project.pk)
    if seconds <= look_ahead():
        publishing.ring(seconds)


def clear(step: Step, kind: TimerKind | None = None) -> None:
    """Take away what a step waits for, of one kind or all."""
    Timer.objects.drop(step.project_id, kind=kind, step_id=step.pk)


def look_ahead() -> float:
    """Seconds before they are due in which timers get a message of their own: two passes."""
    return conf().timer_seconds * 2


def fire_due(limit: int = BATCH) -> Fired:
    """Do what the timers that are due say, at most ``limit`` of each sort. Each is fired once, whoever calls.

    One that cannot be fired is noted, stays due and is passed over.
    """
    fired = Fired(woken=_wake(limit) + turns.look_again())
    for row in sql.rows("due_deadlines", limit=limit):
        try:
            _fire(row, fired)
        except (DatabaseError, InterfaceError, RedisError) as error:
            away = isinstance(error, RedisError) or database.is_away(error)
            if not connection.is_usable():
                raise
            if away:  # or somebody holds a row of it: the next pass
                logger.warning("what was due of project %s is done later: %s", row["project_id"], error)
            else:
                _note(row, error)
        except Exception as error:
            _note(row, error)
    return fired


def _note(row: Mapping[str, Any], error: Exception) -> None:
    if stuck.note(row["project_id"], error, actor=ACTOR):
        logger.exception("what was due of project %s (%s) cannot be done", row["project_id"], row["kind"])


def _fire(row: Mapping[str, Any], fired: Fired) -> None:
    """A deadline that is due."""
    if row["kind"] == TimerKind.APPROVAL:
        fired.approvals += _time_out(row["id"])
    elif row["step_id"] is not None:
        fired.steps += concluding.overdue(row["id"], row["step_id"], row["kind"])
    else:
        fired.projects += _overdue(row["id"], row["project_id"])


def ring_for_soon() -> int:
    """Have a message sent for each moment within the look-ahead at which something is due; how many."""
    rows = sql.rows("due_soon", within=look_ahead(), limit=MOST_SOON)
    ahead = moments([row["seconds"] for row in rows], most=MOST_RINGS)
    for seconds in ahead:
        publishing.ring(seconds)
    return len(ahead)


def _wake(limit: int) -> int:
    """Waits and retries: ``advance`` finds what is over."""
    with transaction.atomic():
        projects = {row["project_id"] for row in sql.rows("fire_waking", limit=limit)}
        faults.point("in_timers")
        for project_id in sorted(projects):
            publishing.wake(project_id)
    return len(projects)


def _time_out(timer_id: int) -> bool:
    """The deadline of an approval, which may be the first of two. False: a person decided, or it has moved."""
    with transaction.atomic():
        row = _taken(timer_id)
        approval = Approval.objects.filter(pk=row["approval_id"]).first() if row is not None else None
        if approval is None:
            return False
        faults.point("in_timers")
        landed = approvals.time_out(approval)
        if not landed:
            Timer.objects.agree_with_approval(approval.pk)
    return landed


def _overdue(timer_id: int, project_id: UUID) -> bool:
    """A project was to be over: say so once, and end it where its blueprint says so. False: it has moved, or somebody
    holds the project, and the next pass finds the timer.

    The project is locked before its timer, as whoever steers it locks it.
    """
    with transaction.atomic():
        project = Project.objects.lock_for_control(project_id, if_free=True)
        if project is None or _taken(timer_id) is None:
            return False
        Timer.objects.filter(pk=timer_id).delete()
        otherwise = otherwise_of(project)
        data = {"deadline": project.deadline, "otherwise": otherwise}
        history.append(project.pk, "project.overdue", actor=ACTOR, data=data)
        if otherwise != "alert":
            _end(project, otherwise)
    return True


def _end(project: Project, otherwise: str) -> None:
    """Nothing starts any more, what runs is told, and with the last of it the project is cancelled or failed."""
    reason = f"It was to be over by {project.deadline:%Y-%m-%d %H:%M} UTC."
    if otherwise == "fail":
        Project.objects.filter(pk=project.pk).update(failure_code=OVERDUE, failure=reason)
    reached = trees.cancel(project, actor=ACTOR, data={"reason": reason, "force": False, "cleanup": False})
    for project_id in reached:
        publishing.wake(project_id)


OVERDUE = "overdue"
"""Failure code of a project that its deadline ended: it is wound down as a cancelled one, and then failed."""


def otherwise_of(project: Project) -> str:
    """What the blueprint says happens when the deadline passes: ``alert``, ``fail`` or ``cancel``."""
    said = project.blueprint.definition.get("deadline") or {}
    return str(said.get("otherwise", "alert"))


def _taken(timer_id: int) -> dict[str, Any] | None:
    rows = sql.rows("take_deadline", timer=timer_id)
    return rows[0] if rows else None
