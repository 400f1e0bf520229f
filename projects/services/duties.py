"""What a worker process owes to others beside its signs of life, in a thread of its own.

Each of these may take long: agents are made known in Redis, which may hang; what the dead held is advanced and sent.
None of it may keep the heartbeat, whose silence would cost this process its own steps. So the heartbeat only says what
is due, and this thread does it; it opens a connection for what it does, and keeps it while the process has the watch.
"""

from __future__ import annotations

import logging
import threading
import time

from django.db import DatabaseError, InterfaceError, connection
from redis.exceptions import RedisError

from agents.registry import load_agents, registered_agents
from agents.services import noting, offers
from orchestrator_site.conf import conf
from orchestrator_site.errors import PhasegateError
from projects.services import paces, recovery, standstill, taking_back
from projects.services.workers import WorkerProcess

logger = logging.getLogger(__name__)


class Duties:
    """What is due, and the thread that does it."""

    def __init__(self, process: WorkerProcess) -> None:
        self.process = process
        self.watching = False
        """Whether this process looks who has died. Written by the heartbeat, as the next is."""
        self.abandoned = False
        self._stop, self._due = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="duties", daemon=True)
        self._offered_at = self._noted_at = float("-inf")
        self._offers = False
        self._pulse_at = time.monotonic()  # a pool that is coming up has its own to do first
        self._began_at: float | None = None

    def start(self) -> None:
        """Do what is due, until ``stop``."""
        self._thread.start()

    def stop(self, within: float) -> None:
        """Do no more of it; what takes longer is left behind."""
        self._stop.set()
        self._due.set()
        if self._thread.is_alive():
            self._thread.join(within)

    def call(self) -> None:
        """Something is due now."""
        self._due.set()

    def is_stuck(self) -> bool:
        """Whether what it does takes so long that others should have the watch."""
        began_at = self._began_at
        return began_at is not None and time.monotonic() - began_at > conf().lease_seconds

    def do_once(self) -> None:
        """One round: each thing that is due. What fails is due again, and keeps none of the others."""
        self._began_at = time.monotonic()
        for duty in (self._watch, self._tidy, self._offer, self._note, self._recover):
            try:
                duty()
            except (DatabaseError, InterfaceError) as error:
                logger.warning("%s of %s did not reach the database: %s", duty.__name__, self.process.actor, error)
                connection.close()
            except Exception:
                logger.exception("%s of %s failed", duty.__name__, self.process.actor)
        if not (self.watching or conf().pooled_sessions):
            connection.close()
        self._began_at = None

    def _watch(self) -> None:
        if self.watching:
            taking_back.take_back_from_the_dead(except_for=self.process.id)

    def _tidy(self) -> None:
        taking_back.give_back_what_waits(self.process)
        if self.abandoned:
            self.abandoned = False
            taking_back.give_back_what_is_abandoned(self.process.id, self.process.held())

    def _offer(self) -> None:
        """Say which agents this process has. That they are built in is known without Redis, so that it may be away."""
        if not self._is_time("_offered_at", conf().heartbeat_seconds):
            return
        paces.write_down()
        try:
            if not self._offers or not offers.renew(self.process.id):
                load_agents()
                offers.offer(self.process.id, registered_agents().values())
                self._offers = True
        except RedisError as error:
            logger.warning("agents of %s could not say that they are well: %s", self.process.actor, error)
        except PhasegateError as error:  # what one agent says of itself must not keep the process from its other duties
            logger.error("agents of %s cannot be registered: %s", self.process.actor, error)

    def _note(self) -> None:
        if self._is_time("_noted_at", conf().place_seconds / 3):
            noting.give()

    def _recover(self) -> None:
        """Where nobody else has done it for a while: beat may be down."""
        due = (self.watching or conf().pooled_sessions) and self._is_time("_pulse_at", conf().recovery_seconds)
        if due and recovery.recover_if_overdue():
            standstill.tell_if_overdue()

    def _is_time(self, last: str, every: float) -> bool:
        now = time.monotonic()
        if now - getattr(self, last) < every:
            return False
        setattr(self, last, now)
        return True

    def _run(self) -> None:
        while not self._stop.is_set():
            self.do_once()
            self._due.wait(conf().watch_seconds)
            self._due.clear()
        connection.close()
