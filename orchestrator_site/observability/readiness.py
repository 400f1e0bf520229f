"""Whether the site can do its work now: the database answers, its schema is current, the broker answers.

Each part is asked on a connection of its own and has one second. A server that hangs costs no thread and
holds no answer up: what has not answered in time is cancelled, and the answer goes out without it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections

from orchestrator_site.errors import PhasegateError
from orchestrator_site.observability import schema
from orchestrator_site.observability.broker import ping
from orchestrator_site.observability.errors import PartNotReady

logger = logging.getLogger(__name__)

PATIENCE = 1.0  # seconds for each part
KEPT = 1.0  # seconds that an answer is given again, so that many probes cost no more than one
_ENDING = 0.2  # seconds for what was cancelled to close its connection
_CONNECTION = ("dbname", "user", "password", "host", "port", "service", "options")


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that the site stands on. ``reason`` is for anybody to read: it names no host and no user."""

    name: str
    ok: bool
    ms: float
    reason: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"ok": self.ok, "ms": self.ms} | ({"reason": self.reason} if self.reason else {})


@dataclass(frozen=True, slots=True)
class Readiness:
    """All parts, at one moment."""

    parts: tuple[Part, ...]

    @property
    def ok(self) -> bool:
        """Whether every part is."""
        return all(part.ok for part in self.parts)

    def plain(self) -> dict[str, Any]:
        """The answer of ``/ready``."""
        status = "ready" if self.ok else "not ready"
        return {"status": status, "parts": {part.name: part.plain() for part in self.parts}}


Check = Callable[[], Awaitable[None]]

_last: tuple[float, Readiness] | None = None


async def readiness() -> Readiness:
    """The state of all parts, at most ``KEPT`` seconds old. Takes a little over ``PATIENCE`` at most."""
    global _last
    if _last is not None and time.monotonic() - _last[0] < KEPT:
        return _last[1]
    found = await look({"database": database, "schema": current_schema, "broker": broker})
    _last = (time.monotonic(), found)
    return found


def forget() -> None:
    """Look anew at the next question."""
    global _last
    _last = None


async def look(checks: dict[str, Check], patience: float = PATIENCE) -> Readiness:
    """Make all checks at the same time, and give each ``patience`` seconds."""
    began = time.monotonic()
    ends: dict[str, float] = {}
    tasks = {name: asyncio.ensure_future(check()) for name, check in checks.items()}
    for name, task in tasks.items():
        task.add_done_callback(functools.partial(_note_end, ends, name))
    await asyncio.wait(tasks.values(), timeout=patience)
    parts = []
    for name, task in tasks.items():
        ms = round((ends.get(name, time.monotonic()) - began) * 1000, 1)
        parts.append(Part(name, *_outcome(name, task, patience, ms)))
    unfinished = [task for task in tasks.values() if not task.done()]
    for task in unfinished:
        task.cancel()
    if unfinished:
        await asyncio.wait(unfinished, timeout=_ENDING)
    return Readiness(tuple(parts))


def _note_end(ends: dict[str, float], name: str, _task: asyncio.Future[None]) -> None:
    ends[name] = time.monotonic()


def _outcome(name: str, task: asyncio.Future[None], patience: float, ms: float) -> tuple[bool, float, str]:
    if not task.done():
        logger.warning("not ready: %s did not answer within %g s", name, patience)
        return False, ms, f"It does not answer within {patience:g} s."
    error = task.exception()
    if error is None:
        return True, ms, ""
    logger.warning("not ready: %s: %s: %s", name, type(error).__name__, error)
    reason = str(error) if isinstance(error, PhasegateError) else "It cannot be reached; the log says why."
    return False, ms, reason


async def database() -> None:
    """PostgreSQL answers a query."""
    async with await _connect() as connection:
        await connection.execute("SELECT 1")


async def current_schema() -> None:
    """The database has all migrations of this code. Raises ``PartNotReady`` naming how many it lacks."""
    await asyncio.to_thread(schema.expected)
    async with await _connect() as connection:
        try:
            applied = await (await connection.execute(schema.APPLIED)).fetchall()
        except psycopg.errors.UndefinedTable:
            applied = []
    lacking = schema.missing((app, name) for app, name in applied)
    if lacking:
        some = ", ".join(lacking[:3]) + (", …" if len(lacking) > 3 else "")
        raise PartNotReady(f"The schema is behind by {len(lacking)} ({some}): run `manage.py migrate`.")


async def broker() -> None:
    """The message broker answers."""
    await ping(str(settings.CELERY_BROKER_URL), PATIENCE)


async def _connect() -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(
        **address(), autocommit=True, connect_timeout=2, application_name="phasegate ready"
    )


def address() -> dict[str, Any]:
    """Where the database is, as the driver takes it, and nothing of what Django adds."""
    wanted = connections["default"].get_connection_params()
    return {
        name: value
        for name, value in wanted.items()
        if name in _CONNECTION or name.startswith(("ssl", "gss", "target_session", "channel_binding"))
    }
