"""What is known of archived histories: which stretch of a chain went into which file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from orchestrator_site.history import statements


@dataclass(frozen=True, slots=True)
class Archive:
    """Links ``first`` to ``last`` of a chain, in a file. ``previous`` is before the first, ``hash`` of the last."""

    stream: str
    first: int
    last: int
    previous: str
    hash: str
    file: str
    sha256: str
    size: int
    at: datetime
    actor: str

    @property
    def events(self) -> int:
        """How many."""
        return self.last - self.first + 1


def archives_of(stream: UUID) -> tuple[Archive, ...]:
    """The archives of a stream, in the order of its chain."""
    with connection.cursor() as cursor:
        cursor.execute(statements.ARCHIVES, [stream])
        return tuple(Archive(*row) for row in cursor.fetchall())
