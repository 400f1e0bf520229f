"""The thread in each worker process that keeps it alive to others.

A few times a second it makes sure that the process holds its session lock, and from time to time it renews the leases.
It waits for nothing else, so that a process that is well never looks dead. One process at a time, whichever holds the
lock of the watch, looks whose lock is free: that process died, for PostgreSQL let go of it. What is free is looked at
twice, because a connection that was cut is taken up again in between. What it finds, and the regular work where nobody
else has done it for a while, is done by a second thread (``duties``).
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import threading
import time

from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from agents.resilience import services as guards
from agents.services import noting, offers
from agents.transports.interrupting import knock
from orchestrator_site import database
from orchestrator_site.conf import conf
from projects.models import Worker
from projects.services import taking_back
from projects.services.duties import Duties
from projects.services.workers import WorkerProcess

logger = logging.getLogger(__name__)

_WATCH = 7_274_283_010
"""The advisory lock of the watch: any number that all agree on, beside those of migrations and of the sealer."""


TIDY = 1.0
"""Seconds between two looks whether this process has left a step lying, or goes on with one that is called off."""
STUBBORN = 15.0
"""Seconds for which an agent that was told to stop is interrupted, before its process is ended."""


class Liveness:
    """The heartbeat of one process."""

    def __init__(self, process: WorkerProcess, *, expendable: bool = False) -> None:
        self.process = process
        self.expendable = expendable
        """Whether the process may be ended for the one step that it does: its parent starts another."""
        self.duties = Duties(process)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._beat_at = self._tidied_at = self._renewed_at = float("-inf")
        self._watching_on: object = None

    def start(self) -> None:
        """Live, until ``stop``."""
        atexit.register(self.stop)  # a cold shutdown leaves without Celery's signal
        self._thread.start()
        self.duties.start()

    def stop(self) -> None:
        """Beat no longer, and say that this process is gone."""
        if self._stop.is_set():
            return
        self._stop.set()
        self.duties.stop(5)
        self._thread.join(5)
        try:
            noting.give()
            offers.withdraw(self.process.id)
            Worker.objects.filter(pk=self.process.id).delete()
        except DatabaseError:
            logger.warning("could not say that worker %s is gone; others will see it", self.process.actor)

    def look_once(self) -> None:
        """One round: beat if it is time, hold the lock, and say what is due beside."""
        now = time.monotonic()
        database.close_if_cut()
        if now - self._beat_at >= conf().heartbeat_seconds:
            close_old_connections()
            self.process.beat_once()
            self._beat_at = now
        if now - self._renewed_at >= conf().place_seconds / 3:
            self._renewed_at = now
            guards.renew()  # waits for Redis no longer than a step would
        if not conf().pooled_sessions:
            self.process.keep_lock()
            self._watch()
        if now - self._tidied_at >= TIDY:
            self._tidied_at = now
            self._call_off(now)
            if taking_back.is_anything_abandoned(self.process.id, self.process.held()):
                self.duties.abandoned = True
                self.duties.call()

    def _call_off(self, now: float) -> None:
        """Interrupt a step that goes on though it was told to stop; where that does not help, end this process.

        Nobody else is harmed: a process of a pool does one step at a time, and what it claimed beside is handed back.
        """
        stubborn = self.process.longest_told()
        if stubborn is None or stubborn.told_at is None:
            return
        over = now - stubborn.told_at - conf().cancel_grace_seconds
        if over >= STUBBORN and self.expendable:
            logger.error(
                "attempt %s at step %s was told to stop and cannot be interrupted: this process ends",
                stubborn.attempt,
                stubborn.step,
            )
            os.kill(os.getpid(), signal.SIGKILL)
        if over >= 0:
            knock()

    def _watch(self) -> None:
        """Have the watch if nobody else has it; one that comes to nothing is left to others."""
        if self.duties.is_stuck():
            self._leave_the_watch()
            return
        before, self.duties.watching = self.duties.watching, self._watches()
        if self.duties.watching and not before:
            self.duties.call()

    def _watches(self) -> bool:
        """Whether this process has the watch: it keeps it for as long as its connection lives."""
        if self._watching_on is not connection.connection:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [_WATCH])
                got = bool(cursor.fetchone()[0])
            self._watching_on = connection.connection if got else None
        return self._watching_on is not None

    def _leave_the_watch(self) -> None:
        self.duties.watching = False
        if self._watching_on is not None and self._watching_on is connection.connection:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_WATCH])
        self._watching_on = None

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self._round():
                self._round()  # at once: a connection that was cut has let go of the lock by which others see us
            self._stop.wait(conf().watch_seconds)
        connection.close()

    def _round(self) -> bool:
        """False where the database did not answer, or not by this connection."""
        try:
            self.look_once()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("heartbeat of %s did not reach the database: %s", self.process.actor, error)
            connection.close()
            self._beat_at = float("-inf")  # a new connection says at once that we live
            return False
        except Exception:
            logger.exception("heartbeat of %s failed", self.process.actor)
        return True


_liveness: Liveness | None = None


def live(process: WorkerProcess, pools: list[str], *, expendable: bool = False) -> None:
    """Begin to live as a process that serves the pools; ``expendable`` if it does one step at a time for a parent."""
    global _liveness
    process.pools = pools
    _liveness = Liveness(process, expendable=expendable)
    _liveness.start()


def end() -> None:
    """Live no longer."""
    if _liveness is not None:
        _liveness.stop()
