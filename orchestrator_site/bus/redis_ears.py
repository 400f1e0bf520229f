"""Waiting until one of several Redis lists has something, without taking it.

Commands that wait for lists also pop, and what is popped by a process that dies is lost. ``BLMOVE q q RIGHT RIGHT``
waits for an item and moves it from the end of the list to that same end: nothing has changed, and we are awake. It
waits for one list only, so each list has a connection of its own.
"""

from __future__ import annotations

import contextlib
import select
import time
from collections.abc import Sequence
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError

_AT_REDIS = 5  # seconds that Redis holds a question before it says no
_GRACE = 5.0  # seconds by which its answer may be late: after that the connection is dead, whatever it looks like


class Ears:
    """Connections that listen, one a list. A question without an answer stays asked from one ``wait`` to the next."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._connections: dict[str, Any] = {}
        self._asked_at: dict[str, float] = {}

    def wait(self, keys: Sequence[str], timeout: float | None) -> bool:
        """Whether one of the lists has something within ``timeout`` s. Raises redis-py's ``ConnectionError``."""
        until = time.monotonic() + (3600.0 if timeout is None else timeout)
        while True:
            for key in keys:
                if key not in self._asked_at:
                    self._ask(key)
            asked = {self._connections[key]._sock: key for key in self._asked_at}
            ready, _, _ = select.select(list(asked), [], [], max(0.0, min(1.0, until - time.monotonic())))
            answers = [self._answer(asked[each]) for each in ready]  # each is read, or it would be taken for the next
            if any(answers):
                return True
            self._notice_the_dead()
            if time.monotonic() >= until:
                return False

    def close(self) -> None:
        """Hang up."""
        for connection in self._connections.values():
            with contextlib.suppress(Exception):
                connection.disconnect()
        self._connections.clear()
        self._asked_at.clear()

    def _ask(self, key: str) -> None:
        connection = self._connections.get(key)
        if connection is None:
            # Beside the pool, which counts its connections and bounds them.
            connection = self._connections[key] = self._pool.connection_class(**self._pool.connection_kwargs)
            connection.connect()
        connection.send_command("BLMOVE", key, key, "RIGHT", "RIGHT", _AT_REDIS)
        self._asked_at[key] = time.monotonic()

    def _answer(self, key: str) -> bool:
        del self._asked_at[key]
        return self._connections[key].read_response() is not None

    def _notice_the_dead(self) -> None:
        if any(time.monotonic() - at > _AT_REDIS + _GRACE for at in self._asked_at.values()):
            raise RedisConnectionError("Redis is silent.")
