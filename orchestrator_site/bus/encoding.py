"""Events as bytes, and back: the JSON format of CloudEvents, and its batch format for several in one message. Pure.

A message of many events costs the broker as much as a message of one: that is what makes batches fast. The media
types tell the two apart, and are those that CloudEvents registers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from orchestrator_site.bus.errors import EventInvalid, MessageUnreadable, TopicInvalid
from orchestrator_site.bus.events import Event, as_document, from_document

ONE = "application/cloudevents+json"
MANY = "application/cloudevents-batch+json"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """One of a message's events that cannot be read: its bytes, and why."""

    body: bytes
    why: str


def encode_each(events: Sequence[Event]) -> list[bytes]:
    """Each event as JSON. Raises ``EventInvalid`` for what JSON cannot hold, NaN and infinities among it."""
    try:
        encoded = [to_json(as_document(event)) for event in events]
    except (PydanticSerializationError, UnicodeEncodeError, ValueError) as error:
        raise EventInvalid(f"The data of an event is not JSON: {error}.") from None
    for body in encoded:
        # The two words are rare in texts; where they stand, whether they stand as numbers is asked again, slowly.
        if b"NaN" in body or b"Infinity" in body:
            _refuse_what_is_no_number(body)
    return encoded


def packs(encoded: Sequence[bytes], *, most: int, most_bytes: int) -> Iterator[tuple[str, bytes, int]]:
    """Messages that hold these events in their order: of each its media type, its body, and how many are in it.

    A message has ``most`` events and about ``most_bytes`` bytes at most; a single larger event is one by itself.
    """
    pack: list[bytes] = []
    size = 0
    for body in encoded:
        if pack and (len(pack) >= most or size + len(body) > most_bytes):
            yield _pack(pack)
            pack, size = [], 0
        pack.append(body)
        size += len(body)
    if pack:
        yield _pack(pack)


def decode(body: bytes, media_type: str) -> list[Event | Unreadable]:
    """The events of a message, in their order. Raises ``MessageUnreadable`` where nothing of it can be read."""
    if media_type not in (ONE, MANY):
        raise MessageUnreadable(f"The message says that it is {media_type!r}.")
    try:
        parsed = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise MessageUnreadable(f"The message is not JSON: {error}.") from None
    if media_type == ONE:
        return [_decoded(parsed)]
    if not isinstance(parsed, list):
        raise MessageUnreadable("The message says that it is a batch, and is no array.")
    return [_decoded(document) for document in parsed]


def _pack(pack: list[bytes]) -> tuple[str, bytes, int]:
    return (ONE, pack[0], 1) if len(pack) == 1 else (MANY, b"[" + b",".join(pack) + b"]", len(pack))


def _decoded(document: Any) -> Event | Unreadable:
    try:
        return from_document(document)
    except (EventInvalid, TopicInvalid) as error:
        return Unreadable(to_json(document), str(error))


def _refuse_what_is_no_number(body: bytes) -> None:
    def refuse(word: str) -> None:
        raise EventInvalid(f"The data of an event holds {word}, which JSON does not know.")

    json.loads(body, parse_constant=refuse)
