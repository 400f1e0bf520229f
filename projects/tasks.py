"""What Celery runs. Each task parses ids and calls one service; none raises, none holds state."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import (
    task_prerun,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
)
from django.db import InterfaceError, OperationalError, close_old_connections

from agents.registry import load_agents
from orchestrator_site.history.sealing import seal_pending
from projects.services import advancing, execution, publishing, recovery, results, schedules
from projects.services.workers import this_process

logger = logging.getLogger(__name__)


@shared_task(name="projects.run_leg")
def run_leg(steps: Sequence[str], *, project: str, hand_over: str | None = None, wakes: bool = True) -> None:
    """Do the steps of a leg one after another, then look what is next if this leg is to."""
    try:
        end = execution.run_leg([UUID(step) for step in steps], UUID(hand_over) if hand_over else None)
        for step, after in end.again:
            publishing.send_again(step, after)
        if wakes or end.failed:
            advancing.advance(UUID(project))
    except (OperationalError, InterfaceError) as error:
        # The database went away in the middle: leases run out, and recovery goes on from what was committed.
        logger.warning("a leg of project %s lost its database: %s", project, error)


@shared_task(name="projects.advance")
def advance(project: str) -> None:
    """Look what is next in a project, and send it."""
    try:
        advancing.advance(UUID(project))
    except (OperationalError, InterfaceError) as error:
        logger.warning("advance of project %s lost its database: %s", project, error)


@shared_task(name="projects.recover")
def recover() -> None:
    """One pass of recovery."""
    recovery.recover()


@shared_task(name="projects.fire_schedules")
def fire_schedules() -> None:
    """Start the projects of the slots that have come."""
    try:
        schedules.fire_due()
    except (OperationalError, InterfaceError) as error:
        logger.warning("schedules lost their database: %s", error)


@shared_task(name="projects.remove_left_behind")
def remove_left_behind() -> None:
    """Once a day: large results that nothing points to."""
    results.remove_left_behind()


@shared_task(name="projects.seal_history")
def seal_history() -> None:
    """Seal the events of the last second into their chains."""
    seal_pending()


@task_prerun.connect
def _with_a_live_connection(**_: Any) -> None:
    """Connections are kept between tasks; one that the server has closed meanwhile is noticed here, and replaced."""
    close_old_connections()


@worker_init.connect
def _before_forks(**_: Any) -> None:
    """Import agents once, in the parent: its children share the memory, and a broken module stops the start."""
    load_agents()


@worker_process_init.connect
def _forked(**_: Any) -> None:
    this_process().start(_pools())


@worker_process_shutdown.connect
def _fork_ends(**_: Any) -> None:
    this_process().stop()


@worker_ready.connect
def _ready(sender: Any = None, **_: Any) -> None:
    """A pool of threads runs steps in this very process; a prefork parent runs none, and must not hold a lease."""
    if sender is not None and "thread" in str(getattr(sender.pool, "__module__", "")):
        this_process().start(_pools())


@worker_shutdown.connect
def _ends(**_: Any) -> None:
    this_process().stop()


def _pools() -> list[str]:
    """What this process serves, as its supervisor named it: ``worker-cpu``."""
    return [os.environ.get("PHASEGATE_PROCESS", "worker-cpu").removeprefix("worker-")]
