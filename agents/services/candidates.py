"""Who could take a step: asked for every step, and so answered from the process's own memory.

A cached answer is given without asking anybody for ``registry_check_seconds`` after the registry's version was last
read. So a change that has committed is seen after that time at most, by every process: an agent that was drained may be
offered for a quarter of a second more, and whoever dispatches must bear it, as they must bear one that has died
since. Health and load are no changes of the registry; they are at most ``registry_cache_seconds`` old.
"""

from __future__ import annotations

import functools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import connection

from agents import terms, versions
from agents.errors import AgentNotRegistered
from agents.services import changes
from agents.services.discovery import versions_of
from agents.services.reading import COLUMNS, performer
from agents.states import TAKES_STEPS
from agents.values import Performer
from orchestrator_site.conf import conf

__all__ = ["by_name", "current_version", "is_registered", "performers", "reset", "version"]

KEPT = 1024
"""Answers that a process keeps; those that were asked for longest ago go first."""

_Answer = tuple[Performer, ...]


@dataclass(slots=True)
class _Kept:
    answer: _Answer
    version: int
    read_at: float


@dataclass(slots=True)
class _Cache:
    """The answers of this process, and the version of the registry that it last read."""

    version: int = 0
    checked_at: float = float("-inf")
    answers: OrderedDict[tuple[str, str], _Kept] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self) -> float:
        """Read the registry's version where that is due; the moment, on the monotonic clock."""
        now = time.monotonic()
        if now - self.checked_at >= _bounds()[0]:
            self.version, self.checked_at = changes.version(), now
        return now

    def get(self, key: tuple[str, str], read: Callable[[], _Answer]) -> _Answer:
        """The answer for a key, from memory where that is fresh enough."""
        now = self.check()
        kept = self.answers.get(key)
        if kept is not None and kept.version == self.version != 0 and now - kept.read_at < _bounds()[1]:
            return kept.answer
        # The version is older than what is read next: a change in between makes this answer be read once more.
        fresh = _Kept(read(), self.version, now)
        with self.lock:
            self.answers[key] = fresh
            self.answers.move_to_end(key)
            while len(self.answers) > KEPT:
                self.answers.popitem(last=False)
        return fresh.answer


@functools.cache
def _bounds() -> tuple[float, float]:
    """Seconds between two looks at the version, and for which an answer is kept; read once, as this is asked often."""
    return conf().registry_check_seconds, conf().registry_cache_seconds


_cache = _Cache()


def performers(capability: str, specifiers: str = "") -> tuple[Performer, ...]:
    """All agents that take steps and have the capability in a version of the range, by name.

    The same tuple again while nothing has changed, so that who decides may keep what it made of it. Raises
    ``VersionInvalid`` for a range that is none.
    """
    return _cache.get((capability, specifiers), lambda: _capable(capability, specifiers))


def by_name(name: str) -> Performer:
    """The agent of that name, in whatever state: whoever names it waits for it. Raises ``AgentNotRegistered``."""
    found = _cache.get((name, _NAMED), lambda: _named(name))
    if not found:
        raise AgentNotRegistered(f"No agent {name!r} is registered.")
    return found[0]


def is_registered(name: str) -> bool:
    """Whether an agent of that name is registered, in whatever state."""
    return bool(name) and bool(_cache.get((name, _NAMED), lambda: _named(name)))


def version() -> int:
    """The version of the registry that this process knows: a key for what is derived from candidates."""
    return _cache.version


def current_version() -> int:
    """The version of the registry, read anew where that is due."""
    _cache.check()
    return _cache.version


def reset() -> None:
    """Forget everything, as a process that forks or a test wants it."""
    global _cache
    _cache = _Cache()


_NAMED = "\0 by name"
_BY_NAME = f"SELECT {COLUMNS} FROM agents_agent WHERE name = %s"  # noqa: S608 names of columns
_CAPABLE = f"""
    SELECT {COLUMNS} FROM agents_agent
    WHERE state <> 'gone' AND terms && %s::text[] AND terms && %s::text[]
    ORDER BY name
"""  # noqa: S608 names of columns


def _named(name: str) -> _Answer:
    with connection.cursor() as cursor:
        cursor.execute(_BY_NAME, [name])
        return tuple(map(performer, cursor.fetchall()))


def _capable(capability: str, specifiers: str) -> _Answer:
    wanted = [terms.capability(capability)]
    if specifiers.strip():
        fitting = versions.matching(versions_of(capability), specifiers)
        wanted = [terms.capability(capability, version) for version in fitting]
    if not wanted:
        return ()
    with connection.cursor() as cursor:
        cursor.execute(_CAPABLE, [wanted, sorted(map(terms.state, TAKES_STEPS))])
        return tuple(map(performer, cursor.fetchall()))
