"""The line to Redis: one client a process, impatient, and quiet for a moment after it was cut off.

A Redis that does not answer costs one call a second the timeout, and every other call nothing: it is told at once to
do without. One thread tries again after each rest; the first that gets through brings everybody back.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from agents.resilience.scripts import Script

REST = 1.0
"""Seconds between two tries while Redis is away."""

_logger = logging.getLogger(__name__)


class RedisAway(Exception):
    """Redis does not answer; what is shared cannot be asked now."""


class Link:
    """A client of the Redis at ``url``; ``timeout`` in seconds for connecting and for each answer.

    ``on_loss`` and ``on_return`` are called once for each time that it goes and comes back. Not to be used across a
    fork: see ``services``.
    """

    def __init__(
        self,
        url: str,
        timeout: float,
        *,
        on_loss: Callable[[], None] = lambda: None,
        on_return: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),  # the product's own rest is the only retry
            protocol=2,  # no greeting before the first command
            driver_info=None,
        )
        self._on_loss, self._on_return = on_loss, on_return
        self._away_until: float | None = None
        self._trying, self._losing = threading.Lock(), threading.Lock()

    @property
    def away(self) -> bool:
        """Whether the last that is known is that it does not answer."""
        return self._away_until is not None

    def nudge(self) -> None:
        """Where it is away and has rested: look whether it is back. For those who would not ask it otherwise."""
        if self.away:
            with contextlib.suppress(RedisAway):
                self.call(lambda client: client.ping())

    def run(self, script: Script, keys: Sequence[str], args: Sequence[str | bytes]) -> Any:
        """The script's answer. Raises ``RedisAway``."""
        return self.call(lambda client: _evaluate(client, script, keys, args))

    def call(self, work: Callable[[Redis], Any]) -> Any:
        """What ``work`` gets from the client. Raises ``RedisAway``."""
        away_until = self._away_until
        if away_until is None:
            return self._attempt(work)
        if time.monotonic() < away_until or not self._trying.acquire(blocking=False):
            raise RedisAway
        try:
            answer = self._attempt(work)
            self._came_back()
            return answer
        finally:
            self._trying.release()

    def _attempt(self, work: Callable[[Redis], Any]) -> Any:
        try:
            return work(self._client)
        except (RedisError, OSError) as error:
            self._lost(error)
            raise RedisAway from error

    def _lost(self, error: Exception) -> None:
        with self._losing:
            first, self._away_until = self._away_until is None, time.monotonic() + REST
        if first:
            _logger.warning("Redis does not answer (%s); agents are guarded by each process alone.", error)
            self._on_loss()

    def _came_back(self) -> None:
        self._away_until = None
        _logger.info("Redis answers again; agents are guarded together.")
        self._on_return()


def _evaluate(client: Redis, script: Script, keys: Sequence[str], args: Sequence[str | bytes]) -> Any:
    execute: Any = client.execute_command
    try:
        return execute("EVALSHA", script.sha, len(keys), *keys, *args)
    except NoScriptError:  # a Redis that was just started; EVAL makes it known
        return execute("EVAL", script.source, len(keys), *keys, *args)
