"""Writing and reading history: for every other application, and the only door to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection

from orchestrator_site.history.archives import Archive, archives_of
from orchestrator_site.history.models import Event
from orchestrator_site.history.querysets import EventQuerySet
from orchestrator_site.history.writing import as_jsonb, as_text

__all__ = ["Archive", "NewEvent", "append", "append_many", "archives_of", "events_of"]

_APPEND = "INSERT INTO history_event (stream, kind, actor, subject, data) VALUES (%s, %s, %s, %s, %s) RETURNING id"
# One round trip for any number of events, numbered in the order given.
_APPEND_MANY = """
INSERT INTO history_event (stream, kind, actor, subject, data)
SELECT stream, kind, actor, subject, data
  FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::jsonb[])
       WITH ORDINALITY AS given (stream, kind, actor, subject, data, place)
 ORDER BY place
RETURNING id
"""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be appended; number and time are the database's to give."""

    stream: UUID
    kind: str
    actor: str
    subject: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


def append(stream: UUID, kind: str, *, actor: str, subject: str = "", data: Mapping[str, Any] | None = None) -> int:
    """Append one event, in the transaction that is open, and give back its number.

    ``data`` may hold what Django's JSON encoder knows (dates, UUIDs, decimals). Raises ``EventNotStorable``.
    """
    texts = as_text(kind, "kind"), as_text(actor, "actor"), as_text(subject, "subject")
    with connection.cursor() as cursor:
        cursor.execute(_APPEND, (stream, *texts, as_jsonb(data)))
        return int(cursor.fetchone()[0])


def append_many(events: Iterable[NewEvent]) -> list[int]:
    """Append events in one statement, in their order, and give back their numbers. Raises as ``append``."""
    given = list(events)
    if not given:
        return []
    columns: list[list[Any]] = [
        [event.stream for event in given],
        [as_text(event.kind, "kind") for event in given],
        [as_text(event.actor, "actor") for event in given],
        [as_text(event.subject, "subject") for event in given],
        [as_jsonb(event.data) for event in given],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_APPEND_MANY, columns)
        return sorted(int(number) for (number,) in cursor.fetchall())


def events_of(stream: UUID, **wanted: Any) -> EventQuerySet:
    """The events of a stream, oldest first; ``wanted`` as for ``EventQuerySet.matching``."""
    return Event.objects.of(stream).matching(**wanted)
