"""This worker process: who it is, which attempts it holds, and the thread that keeps their leases alive."""

from __future__ import annotations

import atexit
import logging
import os
import socket
import threading
from dataclasses import dataclass, field
from uuid import UUID

from django.db import DatabaseError, close_old_connections, connection
from django.db.models.functions import Now

from orchestrator_site import clock
from orchestrator_site.conf import conf
from projects import sql
from projects.models import Worker

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Held:
    """An attempt that this process runs. ``cancelled`` and ``lost`` are set by the heartbeat."""

    step: UUID
    attempt: int
    cancelled: threading.Event = field(default_factory=threading.Event)
    lost: threading.Event = field(default_factory=threading.Event)


class WorkerProcess:
    """The identity of a process that claims steps, and its heartbeat: one UPDATE for all its leases."""

    def __init__(self) -> None:
        self.id = clock.new_id()
        self.pid = os.getpid()
        self.host = socket.gethostname()
        self.actor = f"worker:{self.host}:{self.pid}"
        self.pools: list[str] = []
        self._held: dict[UUID, Held] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def hold(self, step: UUID, attempt: int) -> Held:
        """Count an attempt among those whose leases are renewed."""
        held = Held(step, attempt)
        with self._lock:
            self._held[step] = held
        return held

    def release(self, held: Held) -> None:
        """Renew it no longer."""
        with self._lock:
            if self._held.get(held.step) is held:
                del self._held[held.step]

    def start(self, pools: list[str]) -> None:
        """Register, and beat until ``stop``."""
        self.pools = pools
        atexit.register(self.stop)  # a cold shutdown leaves without Celery's signal
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Beat no longer, and say that this process is gone."""
        if self._stop.is_set():
            return
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5)
        try:
            Worker.objects.filter(pk=self.id).delete()
        except DatabaseError:
            logger.warning("could not say that worker %s is gone; its row goes stale by itself", self.actor)

    def beat_once(self) -> None:
        """Say that the process lives, renew its leases, and learn which attempts were cancelled or taken away."""
        with self._lock:
            held = dict(self._held)
        now = clock.now()
        Worker.objects.update_or_create(
            pk=self.id,
            defaults={"seen_at": Now()},
            create_defaults={
                "name": self.actor,
                "host": self.host,
                "pid": self.pid,
                "pools": self.pools,
                "started_at": now,
                "seen_at": now,
            },
        )
        if held:
            self._renew(held)

    def _renew(self, held: dict[UUID, Held]) -> None:
        renewed = {
            row["id"]: row for row in sql.rows("renew", worker=self.id, lease=conf().lease_seconds, steps=list(held))
        }
        for step, attempt in held.items():
            row = renewed.get(step)
            if row is None or row["attempt"] != attempt.attempt:
                attempt.lost.set()
            elif row["cancelled"]:
                attempt.cancelled.set()

    def _beat(self) -> None:
        while not self._stop.wait(0 if self._first else conf().heartbeat_seconds):
            self._first = False
            try:
                close_old_connections()
                self.beat_once()
            except DatabaseError as error:
                logger.warning("heartbeat of %s did not reach the database: %s", self.actor, error)
            except Exception:
                logger.exception("heartbeat of %s failed", self.actor)
        connection.close()

    _first = True


_process: WorkerProcess | None = None


def this_process() -> WorkerProcess:
    """The worker process this is; a fork is another."""
    global _process
    if _process is None or _process.pid != os.getpid():
        _process = WorkerProcess()
    return _process
