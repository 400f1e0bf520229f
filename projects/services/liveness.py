"""The thread in each worker process that keeps it alive to others, and sees which of the others has died.

A few times a second it makes sure that the process holds its session lock. One process at a time, whichever holds the
lock of the watch, looks whose lock is free: that process died, for PostgreSQL let go of it. What is free is looked at
twice, because a connection that was cut is taken up again in between. The watch also does the regular work where
nobody else has done it for a while: beat may be down.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time

from django.db import DatabaseError, close_old_connections, connection
from redis.exceptions import RedisError

from agents.registry import load_agents, registered_agents
from agents.resilience import services as guards
from agents.services import noting, offers
from orchestrator_site.conf import conf
from orchestrator_site.errors import PhasegateError
from projects.models import Worker
from projects.services import paces, recovery
from projects.services.workers import WorkerProcess

logger = logging.getLogger(__name__)

_WATCH = 7_274_283_010
"""The advisory lock of the watch: any number that all agree on, beside those of migrations and of the sealer."""


TIDY = 1.0
"""Seconds between two looks whether this process has left a step lying."""


class Liveness:
    """The heartbeat of one process."""

    def __init__(self, process: WorkerProcess) -> None:
        self.process = process
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._beat_at = self._tidied_at = self._renewed_at = float("-inf")
        self._offers = False
        self._pulse_at = time.monotonic()  # a pool that is coming up has its own to do first
        self._watching_on: object = None

    def start(self) -> None:
        """Live, until ``stop``."""
        atexit.register(self.stop)  # a cold shutdown leaves without Celery's signal
        self._thread.start()

    def stop(self) -> None:
        """Beat no longer, and say that this process is gone."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._thread.join(5)
        try:
            noting.give()
            offers.withdraw(self.process.id)
            Worker.objects.filter(pk=self.process.id).delete()
        except DatabaseError:
            logger.warning("could not say that worker %s is gone; others will see it", self.process.actor)

    def look_once(self) -> None:
        """One round: beat if it is time, hold the lock, and watch over the others if nobody else does."""
        now = time.monotonic()
        if now - self._beat_at >= conf().heartbeat_seconds:
            close_old_connections()
            self.process.beat_once()
            paces.write_down()
            self._beat_at = now
            self._offer()
        if now - self._renewed_at >= conf().place_seconds / 3:
            self._renewed_at = now
            guards.renew()
            noting.give()
        if now - self._tidied_at >= TIDY:
            self._tidied_at = now
            recovery.give_back_what_waits(self.process)
            recovery.give_back_what_is_abandoned(self.process.id, self.process.held())
        if not conf().pooled_sessions:
            self.process.keep_lock()
            if not self._watches():
                return
            recovery.take_back_from_the_dead(except_for=self.process.id)
        if now - self._pulse_at >= conf().recovery_seconds:
            self._pulse_at = now
            recovery.recover_if_overdue()

    def _offer(self) -> None:
        """Say which agents this process has. That they are built in is known without Redis, so that it may be away."""
        try:
            if not self._offers or not offers.renew(self.process.id):
                load_agents()
                offers.offer(self.process.id, registered_agents().values())
                self._offers = True
        except RedisError as error:
            logger.warning("agents of %s could not say that they are well: %s", self.process.actor, error)
        except PhasegateError as error:  # what one agent says of itself must not keep the process from its other duties
            logger.error("agents of %s cannot be registered: %s", self.process.actor, error)

    def _watches(self) -> bool:
        """Whether this process has the watch: it keeps it for as long as its connection lives."""
        if self._watching_on is not connection.connection:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [_WATCH])
                got = bool(cursor.fetchone()[0])
            self._watching_on = connection.connection if got else None
        return self._watching_on is not None

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.look_once()
            except DatabaseError as error:
                logger.warning("heartbeat of %s did not reach the database: %s", self.process.actor, error)
                connection.close()
                self._beat_at = float("-inf")  # a new connection says at once that we live
            except Exception:
                logger.exception("heartbeat of %s failed", self.process.actor)
            self._stop.wait(conf().watch_seconds)
        connection.close()


_liveness: Liveness | None = None


def live(process: WorkerProcess, pools: list[str]) -> None:
    """Begin to live as a process that serves the pools."""
    global _liveness
    process.pools = pools
    _liveness = Liveness(process)
    _liveness.start()


def end() -> None:
    """Live no longer."""
    if _liveness is not None:
        _liveness.stop()
