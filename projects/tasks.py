"""What Celery runs. Each task parses ids and calls one service; none raises, none holds state."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from billiard.exceptions import WorkerLostError
from celery import Task, shared_task
from celery.signals import (
    task_prerun,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
)
from celery.worker.request import Request
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from agents.registry import load_agents
from orchestrator_site import database, faults
from orchestrator_site.history.sealing import seal_pending
from projects.services import (
    advancing,
    batching,
    execution,
    fanout,
    liveness,
    paces,
    publishing,
    recovery,
    results,
    retention,
    schedules,
    standstill,
    taking_back,
    timers,
)
from projects.services.workers import this_process

logger = logging.getLogger(__name__)


class LegRequest(Request):
    """What the parent of a pool of processes knows of a leg: also that the child that did it has died."""

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        """Have the steps of a child that died taken back at once; a thread, as this is the parent's only one."""
        result = super().on_failure(exc_info, send_failed_event, return_ok)
        if isinstance(exc_info.exception, WorkerLostError) and self.worker_pid:
            threading.Thread(target=_mourn, args=(int(self.worker_pid),), daemon=True).start()
        return result


class LegTask(Task):  # type: ignore[type-arg]
    """The task of a leg."""

    Request = "projects.tasks:LegRequest"


def _mourn(pid: int) -> None:
    try:
        taking_back.mourn(socket.gethostname(), pid)
    except (DatabaseError, InterfaceError) as error:
        if not database.is_away(error):
            raise
        logger.warning("could not say that process %s died; others will see it: %s", pid, error)
    finally:
        connection.close()


@shared_task(name="projects.run_leg", base=LegTask, bind=True)
def run_leg(
    self: LegTask,
    steps: Sequence[str],
    *,
    project: str,
    hand_over: str | None = None,
    wakes: bool = True,
    packed: str = "no",
) -> None:
    """Do the steps of a leg, then look what is next if this leg is to."""
    ids, project_id = [UUID(step) for step in steps], UUID(project)
    with _sent_again_without_database(self, steps):
        if packed == "no":
            end = execution.run_leg(project_id, ids, UUID(hand_over) if hand_over else None, may_finish=wakes)
        else:
            end = batching.run_packed(project_id, ids, may_spread=packed == "spread")
        request: Any = self.request
        if end.item is None or not fanout.follow(end.item, request.delivery_info["routing_key"]):
            _go_on(project_id, end, wakes=wakes)
        paces.write_down()


@shared_task(name="projects.run_bundle", base=LegTask, bind=True)
def run_bundle(self: LegTask, legs: Sequence[Sequence[str]]) -> None:
    """Do legs of several projects side by side, each a project's id and the steps' after it; then look at each."""
    with _sent_again_without_database(self, legs):
        parsed = [batching.Leg(UUID(project), tuple(map(UUID, steps))) for project, *steps in legs]
        for project_id, end in batching.run_bundle(parsed).items():
            _go_on(project_id, end, wakes=True)
        paces.write_down()


def _go_on(project: UUID, end: execution.LegEnd, *, wakes: bool) -> None:
    """What follows the end of a leg: steps that come again or go alone from here, and a look at the project."""
    for step, after in end.again:
        publishing.send_again(step, after)
    if end.spread:
        publishing.send_each(end.spread)
    if (wakes or end.look) and not end.finished:
        advancing.advance(project)


@contextmanager
def _sent_again_without_database(task: LegTask, steps: Sequence[Any]) -> Iterator[None]:
    """Where the database is lost the message comes again.

    What was claimed is given back by the heartbeat of this process; what was not yet is in this message alone. The legs
    that follow on other pools come after it: sent now they would find nothing that they could claim.
    """
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        if not database.is_away(error):
            raise
        logger.warning("%s of %s lost its database: %s", task.name, steps, error)
        request: Any = task.request
        following, request.chain = request.chain, None
        publishing.send_task_again(
            task.name,
            steps,
            request.kwargs,
            queue=request.delivery_info["routing_key"],
            limit=request.timelimit[0],
            following=following,
        )


@shared_task(name="projects.advance")
def advance(project: str) -> None:
    """Look what is next in a project, and send it."""
    faults.point("in_body")
    try:
        advancing.advance_or_leave(UUID(project))
    except (DatabaseError, InterfaceError) as error:
        if not database.is_away(error):
            raise
        logger.warning("advance of project %s lost its database: %s", project, error)


@shared_task(name="projects.recover")
def recover() -> None:
    """One pass of recovery."""
    recovery.recover()


@shared_task(name="projects.fire_timers")
def fire_timers(*, look_ahead: bool = False) -> None:
    """Do what is due; with ``look_ahead``, as beat asks, also have what is due soon met at its moment."""
    try:
        with database.patience():
            timers.fire_due()
        if look_ahead:
            timers.ring_for_soon()
    except (DatabaseError, InterfaceError) as error:
        if not database.is_away(error):
            raise
        logger.warning("timers lost their database: %s; the next pass fires what is due", error)


@shared_task(name="projects.tell_standstill")
def tell_standstill() -> None:
    """Tell the histories of projects that nothing will move by itself."""
    try:
        standstill.tell()
    except (DatabaseError, InterfaceError) as error:
        if not database.is_away(error):
            raise
        logger.warning("who stands still was not told, as the database was lost: %s", error)


@shared_task(name="projects.fire_schedules")
def fire_schedules() -> None:
    """Start the projects of the slots that have come."""
    try:
        schedules.fire_due()
    except (DatabaseError, InterfaceError) as error:
        if not database.is_away(error):
            raise
        logger.warning("schedules lost their database: %s", error)


@shared_task(name="projects.remove_left_behind")
def remove_left_behind() -> None:
    """Once a day: large results that nothing points to."""
    results.remove_left_behind()


@shared_task(name="projects.seal_history")
def seal_history() -> None:
    """Seal the events of the last second into their chains."""
    seal_pending()


@shared_task(name="projects.archive_history")
def archive_history() -> None:
    """Archive the histories that are older than the settings want them kept."""
    retention.archive_as_set()


@task_prerun.connect
def _with_a_live_connection(**_: Any) -> None:
    """Connections are kept between tasks; one that the server has closed meanwhile is noticed here, and replaced.

    Django notices only after an error, and each thread of the io worker has a connection of its own: after a restart
    of PostgreSQL a leg would fail in one thread after the other.
    """
    close_old_connections()
    database.close_if_cut()
    wrapper: Any = connection
    wrapper.health_check_done = True  # just now, without asking: Django would send a question of its own


@worker_init.connect
def _before_forks(**_: Any) -> None:
    """Import agents once, in the parent: its children share the memory, and a broken module stops the start."""
    load_agents()


@worker_process_init.connect
def _forked(**_: Any) -> None:
    paces.forget()
    liveness.live(this_process(), _pools(), expendable=True)


@worker_process_shutdown.connect
def _fork_ends(**_: Any) -> None:
    liveness.end()


@worker_ready.connect
def _ready(sender: Any = None, **_: Any) -> None:
    """A pool of threads runs steps in this very process; a prefork parent runs none, and must not hold a lease."""
    if sender is not None and "thread" in str(getattr(sender.pool, "__module__", "")):
        liveness.live(this_process(), _pools())


@worker_shutdown.connect
def _ends(**_: Any) -> None:
    liveness.end()


def _pools() -> list[str]:
    """What this process serves, as its supervisor named it: ``worker-cpu``."""
    return [os.environ.get("PHASEGATE_PROCESS", "worker-cpu").removeprefix("worker-")]
