"""What travels on the bus: an event, in the attributes of CloudEvents 1.0. Pure.

Source of the names: the CloudEvents 1.0.2 specification, its JSON format and its extension for distributed tracing.
``topic``, ``correlationid`` and ``replyto`` are extensions of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from orchestrator_site.bus.errors import EventInvalid
from orchestrator_site.bus.topics import checked_topic
from orchestrator_site.clock import new_id, now

SPECIFICATION = "1.0"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, or a message to an agent.

    ``type`` is what happened, dotted (``project.completed``); ``source`` where, as a URI reference
    (``/projects/0198…``); ``subject`` what of it (the key of a step); ``data`` what JSON can hold. ``topic`` is what
    subscribers' patterns are compared with, and is the type where none is given. ``id`` is a UUIDv7: two events of the
    same id are the same event, sent twice. ``traceparent`` as W3C writes it. ``correlation`` and ``reply_to`` belong
    to requests and replies. Raises ``EventInvalid`` and ``TopicInvalid``.
    """

    type: str
    data: Any = None
    source: str = "/"
    subject: str = ""
    topic: str = ""
    id: UUID = field(default_factory=new_id)
    time: datetime = field(default_factory=now)
    traceparent: str = ""
    correlation: str = ""
    reply_to: str = ""

    def __post_init__(self) -> None:
        if not self.type or not self.source:
            raise EventInvalid("An event has a type and a source, and neither is empty.")
        if self.id.int >> 76 & 0xF != 7:
            raise EventInvalid(f"{self.id} is no UUIDv7: repeated events are known by the time in their ids.")
        if self.time.tzinfo is None:
            raise EventInvalid(f"The time of an event has a zone; {self.time} has none.")
        if not self.topic:
            object.__setattr__(self, "topic", self.type)
        checked_topic(self.topic)


def as_document(event: Event) -> dict[str, Any]:
    """The event as CloudEvents writes it; what is empty is left out. Ids and times are still objects."""
    document: dict[str, Any] = {
        "specversion": SPECIFICATION,
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "time": event.time,
        "topic": event.topic,
    }
    if event.data is not None:
        document["data"] = event.data
    if event.subject:
        document["subject"] = event.subject
    if event.traceparent:
        document["traceparent"] = event.traceparent
    if event.correlation:
        document["correlationid"] = event.correlation
    if event.reply_to:
        document["replyto"] = event.reply_to
    return document


def from_document(document: Any) -> Event:
    """The event of a parsed document; attributes that we do not know are passed over. Raises ``EventInvalid``."""
    if not isinstance(document, Mapping):
        raise EventInvalid("An event is a JSON object.")
    if document.get("specversion") != SPECIFICATION:
        raise EventInvalid(f"The event says specversion {document.get('specversion')!r}, and 1.0 is what is read.")
    get = document.get
    kind, source, subject, topic = get("type"), get("source"), get("subject", ""), get("topic", "")
    traceparent, correlation, reply_to = get("traceparent", ""), get("correlationid", ""), get("replyto", "")
    # Written out, and not as a loop: each event that is read passes here.
    if not (
        isinstance(kind, str)
        and isinstance(source, str)
        and isinstance(subject, str)
        and isinstance(topic, str)
        and isinstance(traceparent, str)
        and isinstance(correlation, str)
        and isinstance(reply_to, str)
    ):
        raise EventInvalid("The attributes of an event are text.")
    try:
        identity, time = UUID(document["id"]), datetime.fromisoformat(document["time"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EventInvalid(f"The event has no usable id or time ({type(error).__name__}: {error}).") from None
    return Event(
        kind,
        get("data"),
        source,
        subject,
        topic,
        identity,
        time if time.tzinfo is not None else time.replace(tzinfo=UTC),
        traceparent,
        correlation,
        reply_to,
    )
