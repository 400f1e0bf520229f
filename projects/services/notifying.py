"""Telling those who wait, by the database itself, that something they wait for has happened; and waiting for it.

Who ends a project, opens an approval or decides one says so in the same transaction: PostgreSQL passes it on when
that commits, and not otherwise. Who waits listens on a connection of its own and asks nothing meanwhile. Where the
connection is lost, or sessions are pooled so that listening means nothing, it looks once a second instead.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import psycopg
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections
from psycopg import sql

from orchestrator_site.conf import conf
from projects.errors import ProjectNotFound
from projects.models import Project

POLL = 1.0
"""Seconds between two looks where no bell can be heard."""
LOOK_ANYWAY = 30.0
"""Seconds after which a waiter looks although nothing was said: for a network that swallows a connection silently."""


def notify(project_id: UUID, what: str) -> None:
    """Say within the open transaction that something has happened: ``ended``, ``asked``, ``decided`` or ``void``."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [channel_of(project_id), what])


def channel_of(project_id: UUID) -> str:
    """The channel of a project."""
    return f"phasegate_{project_id.hex}"


class Bell:
    """What rings when something happens to a project. A context manager; it holds a connection meanwhile.

    What happened before it was entered it does not tell: enter, look, then wait.
    """

    def __init__(self, project_id: UUID) -> None:
        self._channel = channel_of(project_id)
        self._own: Any = None

    @property
    def is_heard(self) -> bool:
        """Whether it can ring: else who waits has to look by itself."""
        return self._own is not None

    def __enter__(self) -> Self:
        if not conf().pooled_sessions:
            self._listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the connection back."""
        self._hang_up()

    def wait(self, timeout: float) -> bool:
        """Wait until it rings, for ``timeout`` seconds at most. Whether it rang; never, where it is not heard."""
        if self._own is not None:
            try:
                return next(self._own.notifies(timeout=max(timeout, 0.0), stop_after=1), None) is not None
            except psycopg.Error:
                self._hang_up()  # who waits looks at once, and then once a second
                return False
        time.sleep(min(max(timeout, 0.0), POLL))
        return False

    def _listen(self) -> None:
        try:
            parameters = _unpooled(connections[DEFAULT_DB_ALIAS].get_connection_params())
            self._own = psycopg.connect(**parameters, autocommit=True)
            self._own.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
        except (psycopg.Error, DatabaseError):
            self._hang_up()

    def _hang_up(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            own.close()


def wait_for(project_id: UUID, timeout: float | None = None) -> Project:
    """Wait until a project is over, and give it back as it ended. ``timeout`` in seconds; None waits for ever.

    Raises ``TimeoutError``, and the project goes on; ``ProjectNotFound``.
    """
    until = None if timeout is None else time.monotonic() + timeout
    with Bell(project_id) as bell:
        while True:
            project = Project.objects.filter(pk=project_id).first()
            if project is None:
                raise ProjectNotFound(f"There is no project {project_id}.")
            if project.is_over:
                return project
            left = LOOK_ANYWAY if until is None else until - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"Project {project_id} is not over after {timeout:g} s; it goes on.")
            bell.wait(min(left, LOOK_ANYWAY))


def _unpooled(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters of a connection of our own: Django's, without those that only its own connections know."""
    return {name: value for name, value in parameters.items() if name not in ("pool", "cursor_factory", "context")}
