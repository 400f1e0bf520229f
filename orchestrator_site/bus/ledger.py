"""What each group has handled, and how often it has tried: kept in Redis, whatever the broker is.

An event is marked *after* it was handled. A crash in between leaves it unmarked, and it is delivered again: twice
handled at the worst, never lost. Marking before, which ``SET NX`` at the start would be, turns that crash into a loss.

The marks of a group are sets of ids, one a minute of the ids' own time (UUIDv7 begins with milliseconds), so that one
command asks for hundreds, and Redis drops whole minutes when they have aged. A mark takes some 70 bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

import redis

_MINUTE = 60_000  # milliseconds
_PER_COMMAND = 1000


class Ledger:
    """The marks and counts of all groups below one prefix; ``window`` in seconds that a mark stays."""

    def __init__(self, client: Any, prefix: str, window: float) -> None:
        self._client, self._prefix, self._window = client, prefix, int(window * 1000)

    @classmethod
    def at(cls, url: str, prefix: str, window: float) -> Ledger:
        """At a Redis, by a URL as redis-py reads it."""
        client = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=3)
        return cls(client, prefix, window)

    def handled(self, group: str, ids: Collection[UUID]) -> set[UUID]:
        """Those of the ids that are marked as handled. One round trip."""
        if not ids:
            return set()
        parts = list(self._by_minute(group, ids))
        with self._client.pipeline(transaction=False) as pipeline:
            for key, some in parts:
                pipeline.smismember(key, [each.bytes for each in some])
            answers = pipeline.execute()
        return {
            each
            for (_, some), marks in zip(parts, answers, strict=True)
            for each, mark in zip(some, marks, strict=True)
            if mark
        }

    def mark(self, group: str, ids: Collection[UUID], *, tried: Collection[UUID] = ()) -> int:
        """Mark ids as handled, and drop the counts of ``tried``; how many were not marked before. One round trip."""
        if not ids:
            return 0
        parts = list(self._by_minute(group, ids))
        with self._client.pipeline(transaction=False) as pipeline:
            for key, some in parts:
                pipeline.sadd(key, *[each.bytes for each in some])
            for key, _ in parts:
                pipeline.pexpire(key, self._window + _MINUTE)
            if tried:
                pipeline.delete(*[self._count(group, each) for each in tried])
            return sum(pipeline.execute()[: len(parts)])

    def begun(self, group: str, identity: UUID | str, *, repeated: bool = False) -> int:
        """Count one more delivery, and give their number; ``repeated`` where one before was lost without a count."""
        key = self._count(group, identity)
        with self._client.pipeline(transaction=True) as pipeline:
            if repeated:
                pipeline.set(key, 1, nx=True)
            pipeline.incr(key)
            pipeline.pexpire(key, self._window + _MINUTE)
            return int(pipeline.execute()[-2])

    def forget(self, group: str, identity: UUID | str) -> None:
        """Begin counting anew, as for what is taken from the dead letters."""
        self._client.delete(self._count(group, identity))

    def _by_minute(self, group: str, ids: Iterable[UUID]) -> Iterable[tuple[str, list[UUID]]]:
        minutes: dict[int, list[UUID]] = {}
        for each in ids:
            minutes.setdefault((each.int >> 80) // _MINUTE, []).append(each)
        for minute, some in minutes.items():
            for first in range(0, len(some), _PER_COMMAND):
                yield f"{self._prefix}:handled:{group}:{minute}", some[first : first + _PER_COMMAND]

    def _count(self, group: str, identity: UUID | str) -> str:
        return f"{self._prefix}:deliveries:{group}:{identity}"
