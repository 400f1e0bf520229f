"""History on the bus: what PostgreSQL knows of a stream, published again from any place on.

A broker forgets; history does not. An event of history has the same id whenever it is published, made of its time,
its stream and its number, so that whoever has handled it lately passes it over.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from orchestrator_site.bus.bus import Bus
from orchestrator_site.bus.events import Event
from orchestrator_site.bus.topics import as_word
from orchestrator_site.history.services import events_of

if TYPE_CHECKING:
    from orchestrator_site.history.models import Event as Past

_AT_ONCE = 1000


def topic_of(kind: str, stream: UUID) -> str:
    """``project.completed`` of a stream is ``project.STREAM.completed``: so one may follow one project, or one kind."""
    first, *rest = (as_word(word) for word in kind.split("."))
    return ".".join([first, str(stream), *rest])


def id_of(at: datetime, stream: UUID, number: int) -> UUID:
    """A UUIDv7 of its own for an event of history: the moment in milliseconds, the rest a digest."""
    digest = int.from_bytes(hashlib.sha256(f"{stream}/{number}".encode()).digest()[:10], "big")
    milliseconds = int(at.timestamp() * 1000) & ((1 << 48) - 1)
    a, b = digest >> 62 & 0xFFF, digest & ((1 << 62) - 1)
    return UUID(int=milliseconds << 80 | 7 << 76 | a << 64 | 2 << 62 | b)


def event_of(past: Past) -> Event:
    """An event of history as it travels: its data with its number and who did it."""
    return Event(
        past.kind,
        {"number": past.pk, "actor": past.actor, "data": past.data},
        source=f"/histories/{past.stream}",
        subject=past.subject,
        topic=topic_of(past.kind, past.stream),
        id=id_of(past.at, past.stream, past.pk),
        time=past.at,
    )


def republish(bus: Bus, stream: UUID, *, after: int = 0, until: int | None = None) -> int:
    """Publish a stream's sealed events whose place in the chain is beyond ``after``, in its order; how many.

    ``until`` is the last place, inclusive. Events that have not been sealed yet follow within a second or so, and
    are not among them. Raises ``BusUnavailable``; beginning again is safe.
    """
    published = 0
    while True:
        following = events_of(stream).following(after)
        if until is not None:
            following = following.filter(seal__seq__lte=until)
        some = list(following[:_AT_ONCE])
        if not some:
            return published
        published += bus.publish_many([event_of(each) for each in some])
        after = getattr(some[-1], "seq")  # noqa: B009 - annotated, so unknown to the type checker
