"""Recovery: put back on its way whatever a crash, a lost message or a deadline has left.

It only puts back and lets ``advance`` look; it never runs a step. It may run as often and in as many places as it
likes: rows that another pass works on are skipped, and every write is guarded.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db.models.functions import Now
from redis.exceptions import RedisError

from agents.services import expiry
from orchestrator_site import database
from orchestrator_site.conf import conf
from orchestrator_site.history.sealing import seal_pending
from projects import sql
from projects.models import Timer, Worker
from projects.services import (
    backlog,
    control,
    doorbell,
    interventions,
    passes,
    schedules,
    taking_back,
    timers,
)
from projects.services.passes import Recovered

logger = logging.getLogger(__name__)


def recover_if_overdue() -> bool:
    """Do a pass of recovery where nobody has for a while: beat, or the worker that it wakes, may be down."""
    if not sql.rows("pulse_overdue", work="recovery", bound=conf().recovery_seconds * 3)[0]["overdue"]:
        return False
    recover()
    seal_pending()
    expiry.sweep()
    return True


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
        taking_back.take_back_what_is_silent,
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
            limit=passes.BATCH * 20,
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
    fired = timers.fire_due(passes.BATCH)
    done.timers_fired, done.projects_overdue = fired.woken, fired.projects
    done.approvals_timed_out = fired.approvals


def _settle_plans(_done: Recovered) -> None:
    """Changes of plans that people have answered, of projects that nobody else looks at: failed, over, not begun."""
    interventions.settle_all(passes.BATCH)


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
        passes.advance(project_id, done)


_followers, _neglected = passes.Turn("followers"), passes.Turn("neglected")


def _forget(_done: Recovered) -> None:
    """Rows of workers that have said nothing for ten leases, and timers of projects that are over."""
    sql.execute("forget_timers", limit=passes.BATCH)
    Worker.objects.filter(seen_at__lt=Now() - timedelta(seconds=conf().lease_seconds * 10)).delete()
