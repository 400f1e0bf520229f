"""Notes of how calls went, gathered in this process and given to the registry together: a note costs a microsecond.

What is lost with a process that dies is a second of statistics, and no more.
"""

from __future__ import annotations

import logging
import os
import threading
import time

from redis.exceptions import RedisError

from agents.services import statistics
from agents.services.reading import is_registry_id

logger = logging.getLogger(__name__)

SOON = 1.0
"""Seconds after which notes are given, at the next that comes; the heartbeat of a worker gives what is left."""
MANY = 500

_notes: list[tuple[str, bool, float]] = []
_lock = threading.Lock()
_given_at = time.monotonic()


def note(agent_id: str, *, ok: bool, seconds: float) -> None:
    """Note that a call of an agent succeeded or failed, and how long it took."""
    if not is_registry_id(agent_id):
        return
    with _lock:
        _notes.append((agent_id, ok, seconds))
        is_due = len(_notes) >= MANY or time.monotonic() - _given_at >= SOON
    if is_due:
        give()


def give() -> None:
    """Give what has been gathered. While Redis is away it is dropped: old statistics are worth nothing."""
    global _given_at
    with _lock:
        given, _notes[:] = list(_notes), []
        _given_at = time.monotonic()
    try:
        statistics.note_many(given)
    except RedisError as error:
        logger.warning("%s notes on agents were not taken: %s", len(given), error)


def forget() -> None:
    """Drop what has been gathered: a fork has its parent's."""
    _notes.clear()


os.register_at_fork(after_in_child=forget)
