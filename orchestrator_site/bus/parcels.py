"""What a consumer has in hand: messages, the events in them, and how many of those are still open."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from orchestrator_site.bus.encoding import Unreadable, decode
from orchestrator_site.bus.events import Event


@dataclass(slots=True, eq=False)
class Parcel:
    """A message of a group. It is acknowledged when none of its events is open."""

    group: str
    message: Any
    open: int = 0

    @property
    def body(self) -> bytes:
        """As it was sent."""
        body = self.message.body
        return body.encode("utf-8", "surrogateescape") if isinstance(body, str) else bytes(body or b"")

    @property
    def returned(self) -> bool:
        """Whether it was delivered before: somebody may have died of it."""
        count = (self.message.headers or {}).get("x-delivery-count") or 0
        return bool(count or (self.message.delivery_info or {}).get("redelivered"))

    @property
    def headers(self) -> dict[str, Any]:
        """Those that it was sent with."""
        return {name: value for name, value in (self.message.headers or {}).items() if name != "x-delivery-count"}

    @property
    def topic(self) -> str:
        """By which it was routed."""
        return str((self.message.delivery_info or {}).get("routing_key") or "")

    @property
    def digest(self) -> str:
        """What knows it again when it comes back and cannot be opened."""
        return hashlib.sha256(self.body).hexdigest()[:32]

    def opened(self) -> tuple[list[Item], list[Remnant]]:
        """Its events, and what of it cannot be read. Raises ``MessageUnreadable``."""
        found = decode(self.body, self.message.content_type or "")
        self.open = len(found)
        return (
            [Item(each, self) for each in found if isinstance(each, Event)],
            [Remnant(each, self) for each in found if isinstance(each, Unreadable)],
        )


@dataclass(slots=True, eq=False)
class Item:
    """An event of a parcel."""

    event: Event
    parcel: Parcel


@dataclass(slots=True, eq=False)
class Remnant:
    """What stands in a parcel where an event should be."""

    content: Unreadable
    parcel: Parcel


@dataclass(slots=True)
class Hand:
    """All parcels that are not settled."""

    parcels: dict[Parcel, None] = field(default_factory=dict)

    def take(self, parcel: Parcel) -> None:
        """One more."""
        self.parcels[parcel] = None

    def settled(self, items: Iterable[Item | Remnant]) -> list[Any]:
        """These are done with; the messages of which nothing is open any more, which leave the hand."""
        over = []
        for item in items:
            item.parcel.open -= 1
            if item.parcel.open == 0 and self.parcels.pop(item.parcel, item) is None:
                over.append(item.parcel.message)
        return over

    def over(self, parcel: Parcel) -> list[Any]:
        """This one is done with as a whole."""
        self.parcels.pop(parcel, None)
        return [parcel.message]

    def messages(self) -> list[Any]:
        """Of all that is in hand, the oldest first."""
        return [parcel.message for parcel in list(self.parcels)]
