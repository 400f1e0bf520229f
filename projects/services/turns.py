"""Whose turn it is: guarded steps for which there was no room stand aside, and are sent for when there may be some.

Nobody polls. The end of an attempt hands its place over to the next of its concurrency key, and sends for the next
whom its reservation kept waiting; a decision on a budget lets all go that waited for it. A place that was handed over
is kept until the timer of whoever was sent for is due, so that no newcomer takes it. The timers are also the net: what
a crash between a commit and the sending leaves is found when they are due.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction

from orchestrator_site.conf import conf
from projects import sql
from projects.models import Step, Timer
from projects.models.timer import TimerKind
from projects.planning import budgeting
from projects.planning.budgeting import Ask, Queue, Room, Wait
from projects.services import publishing, room
from projects.services.room import Wanting
from projects.states import StepState

logger = logging.getLogger(__name__)

LOOKED_AT = 50
"""So many of those who stand aside are looked at for one who can go; the rest when their timers are due."""
BATCH = 200


def stand_aside(step: UUID) -> bool:
    """Not to be claimed until it is sent for, or its timer is due. False: it is not ready any more."""
    return bool(sql.rows("stand_aside", step=step, seconds=conf().room_seconds))


def forget(step: UUID) -> bool:
    """It stands aside no longer: it was claimed, or is over. Whether it had."""
    return bool(Timer.objects.filter(step_id=step, kind=TimerKind.ROOM).delete()[0])


def after_end(project_id: UUID, key: str) -> None:
    """An attempt of a guarded step ends with this transaction: after it, others may go."""
    if key:
        transaction.on_commit(functools.partial(_surely, hand_over, key))
    transaction.on_commit(functools.partial(_surely, let_follow, project_id))


def hand_over(key: str) -> int:
    """Promise the free places of a key to those next in line, and send for them; to how many."""
    with transaction.atomic():
        sql.rows("lock_key", key=key)
        waiting = _aside(key=key)
        if not waiting:
            return 0
        able = {step.id: step for step in room.find([row["id"] for row in waiting])}
        going = [row for row in waiting if row["id"] in able and _affords(able[row["id"]])]
        line = sql.rows("line", key=key, but=None)[0]
        limits = [row["concurrency_limit"] or 1 for row in going]
        places = budgeting.in_line(limits, running=line["running"], promised=line["promised"])
        return sum(send_for(going[place]["id"]) for place in places)


def let_follow(project_id: UUID) -> bool:
    """Send for the first of a project's steps for which there is room now. Whether there is one.

    One at a time: if it can be claimed, its claim sends for the next.
    """
    for step in room.find([row["id"] for row in _aside(project=project_id)]):
        if isinstance(room.weigh(step), Room):
            with transaction.atomic():
                return send_for(step.id)
    return False


def after_decision(project_id: UUID) -> None:
    """A limit is raised with this transaction, or people have refused to: after it, all who wait try anew."""
    transaction.on_commit(functools.partial(_surely, let_go, project_id))


def let_go(project_id: UUID) -> None:
    """Let all steps of a project that stand aside try anew.

    One statement and one commit a step: whoever holds some of them waits for none of the others.
    """
    aside = Timer.objects.filter(project_id=project_id, kind=TimerKind.ROOM).order_by("id")
    for step in list(aside.values_list("step_id", flat=True)):
        sql.execute("let_go", project=project_id, step=step)
    publishing.wake(project_id)


def send_for(step: UUID) -> bool:
    """Send for a step that stands aside, once the transaction is committed. False: somebody was faster."""
    if not sql.rows("send_for", step=step, seconds=conf().room_seconds):
        return False
    transaction.on_commit(functools.partial(publishing.send_again, step, 0.0))
    return True


def look_again() -> int:
    """See to timers that are due; how many steps were sent for."""
    with transaction.atomic():
        due = sql.rows("due_for_room", limit=BATCH)
        able = {step.id: step for step in room.find([row["step_id"] for row in due])}
        return sum(_look_at_one(row["step_id"], able.get(row["step_id"]), row["waits"]) for row in due)


def _look_at_one(step_id: UUID, step: Wanting | None, waits: bool) -> bool:
    """One that cannot be looked at is looked at later, and keeps no other from it."""
    try:
        with transaction.atomic():
            return _look(step_id, step, waits)
    except Exception:
        if not connection.is_usable():
            raise
        logger.exception("whether there is room for step %s cannot be told", step_id)
        sql.execute("postpone", step=step_id, seconds=conf().room_seconds)
        return False


def _look(step_id: UUID, step: Wanting | None, waits: bool) -> bool:
    if step is None or not waits:
        # Over; or sent for and not back in time. Its place is kept no longer, and it is sent again by ``advance``: the
        # one that sent for it may have died before the message was out. One that only comes late does no harm.
        forget(step_id)
        Step.objects.filter(pk=step_id, state=StepState.READY).update(published_at=None)
        return False
    if not _still_waits(step):
        return send_for(step_id)
    sql.execute("postpone", step=step_id, seconds=conf().room_seconds)
    return False


def _still_waits(step: Wanting) -> bool:
    """Whether a claim would only put it aside again."""
    verdict = room.weigh(step)
    return isinstance(verdict, Wait | Queue) or (isinstance(verdict, Ask) and not verdict.new)


def _affords(step: Wanting) -> bool:
    return isinstance(room.weigh(step, in_line=False), Room)


def _aside(*, key: str | None = None, project: UUID | None = None) -> list[dict[str, Any]]:
    return sql.rows("standing_aside", key=key, project=project, limit=LOOKED_AT)


def _surely(send: Callable[..., object], given: object) -> None:
    """What follows a commit must not look like a failure of what was committed; the timers are the net."""
    try:
        send(given)
    except DatabaseError:
        logger.exception("after the end of a guarded step, nobody was sent for; recovery will look")
