"""This worker process: who it is, which attempts it holds, and the signs of life that it gives to others."""

from __future__ import annotations

import os
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection
from django.db.models.functions import Now

from orchestrator_site import clock, database
from orchestrator_site.conf import conf
from projects import sql
from projects.models import Worker

_A_LOOK = 0.1
"""Seconds for which whoever looks whether a lock is free may have it."""


@dataclass(eq=False)
class Held:
    """An attempt that this process runs, or will once it has ``begun``: of several that it claimed together.

    Once it is ``cancelled`` or ``lost``, which the heartbeat finds, it is told to stop: at ``told_at``, monotonic.
    """

    step: UUID
    attempt: int
    begun: bool = True
    since: float = field(default_factory=time.monotonic)
    cancelled: threading.Event = field(default_factory=threading.Event)
    lost: threading.Event = field(default_factory=threading.Event)
    told_at: float | None = None

    def cancel(self) -> None:
        """Its project is being cancelled: what comes of it does not count."""
        self._tell(self.cancelled)

    def lose(self) -> None:
        """It is somebody else's by now, or over: what comes of it is refused."""
        self._tell(self.lost)

    def _tell(self, how: threading.Event) -> None:
        how.set()
        if self.told_at is None:
            self.told_at = time.monotonic()


class WorkerProcess:
    """The identity of a process that claims steps; one UPDATE renews all its leases.

    Two signs of life stand beside each other: the row, whose moment every heartbeat moves on, and a session advisory
    lock, which PostgreSQL lets go of at the moment this process dies.
    """

    def __init__(self) -> None:
        self.id = clock.new_id()
        self.name = str(self.id)  # as agents know it: asked for at every step
        self.pid = os.getpid()
        self.host = socket.gethostname()
        self.actor = f"worker:{self.host}:{self.pid}"
        self.pools: list[str] = []
        self.lock_key = int.from_bytes(self.id.bytes[8:], signed=True)
        self._locked_by: Any = None
        self._held: dict[UUID, Held] = {}
        self._lock = threading.Lock()

    def hold(self, step: UUID, attempt: int, *, begun: bool = True) -> Held:
        """Count an attempt among those whose leases are renewed."""
        held = Held(step, attempt, begun)
        with self._lock:
            self._held[step] = held
        return held

    def begin(self, held: Held) -> bool:
        """Whether an attempt that was held for later may begin: it was not cancelled, let go of or taken away."""
        with self._lock:
            held.begun = held.told_at is None
            return held.begun

    def let_go(self, waited: float) -> list[Held]:
        """Renew no longer what has waited so many seconds to begin: from here on this process does not begin it."""
        now = time.monotonic()
        with self._lock:
            waiting = [each for each in self._held.values() if not each.begun and now - each.since >= waited]
            for each in waiting:
                each.lose()
                del self._held[each.step]
        return waiting

    def release(self, held: Held) -> None:
        """Renew it no longer."""
        with self._lock:
            if self._held.get(held.step) is held:
                del self._held[held.step]

    def held(self) -> list[UUID]:
        """The steps that are being worked on."""
        with self._lock:
            return list(self._held)

    def longest_told(self) -> Held | None:
        """Of what it works on though it was told to stop that which was told first."""
        with self._lock:
            told = [each for each in self._held.values() if each.begun and each.told_at is not None]
        return min(told, key=lambda each: each.told_at or 0.0, default=None)

    def beat_once(self) -> None:
        """Say that the process lives, renew its leases, and learn which attempts were cancelled or taken away."""
        with self._lock:
            held = dict(self._held)
        # One statement: in a transaction a process that is stopped would keep the row from those who look after it.
        if not Worker.objects.filter(pk=self.id).update(seen_at=Now()):
            Worker.objects.create(
                pk=self.id,
                name=self.actor,
                host=self.host,
                pid=self.pid,
                pools=self.pools,
                started_at=Now(),
                seen_at=Now(),
            )
        if held:
            self._renew(held)

    def keep_lock(self) -> bool:
        """Hold the session lock on this thread's connection, anew where that is another than before.

        False where it had to be taken: until then others may have seen it free, which they are to see twice; or where
        the server has not noticed yet that the connection before is gone, whose lock says for so long that we live.
        """
        connection.ensure_connection()
        if self._locked_by is connection.connection:
            return True
        try:
            with database.patience(_A_LOOK), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(%s)", [self.lock_key])
        except OperationalError as error:
            if not database.is_held(error):
                raise
            return False
        self._locked_by = connection.connection
        Worker.objects.filter(pk=self.id).update(lock_key=self.lock_key, locked_at=Now(), suspected_at=None)
        return False

    def _renew(self, held: dict[UUID, Held]) -> None:
        renewed = {
            row["id"]: row for row in sql.rows("renew", worker=self.id, lease=conf().lease_seconds, steps=list(held))
        }
        for step, attempt in held.items():
            row = renewed.get(step)
            if row is None or row["attempt"] != attempt.attempt:
                attempt.lose()
            elif row["cancelled"]:
                attempt.cancel()


_process: WorkerProcess | None = None


def this_process() -> WorkerProcess:
    """The worker process this is; a fork is another."""
    global _process
    if _process is None or _process.pid != os.getpid():
        _process = WorkerProcess()
    return _process
