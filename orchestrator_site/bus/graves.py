"""Dead letters: messages that no handler could do anything with, each with its reason and the headers it came with.

They stand in a queue of the group, one event a message, until somebody looks, sends them again or drops them.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator_site.bus.encoding import MANY, ONE, Unreadable, decode, encode_each
from orchestrator_site.bus.errors import MessageUnreadable
from orchestrator_site.bus.events import Event
from orchestrator_site.bus.ledger import Ledger
from orchestrator_site.bus.names import Names
from orchestrator_site.bus.parcels import Parcel
from orchestrator_site.bus.wire import Outgoing, Wire
from orchestrator_site.clock import new_id, now

_RAW = "application/octet-stream"
_MINE = "x-bus-"
_MOST = 100_000  # in one go: what is held while it is gone through has to be somewhere
_LONGEST = 2000  # characters of what an error says


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter. ``event`` is None where the message could not be read; ``body`` holds it as it came."""

    id: str
    group: str
    reason: str
    error: str
    deliveries: int
    topic: str
    at: str
    headers: dict[str, Any]
    event: Event | None
    body: bytes


def grave_of(
    names: Names, parcel: Parcel, content: Event | Unreadable | None, reason: str, error: Exception | None, count: int
) -> Outgoing:
    """The dead letter of an event, or with None of the whole message."""
    body, media_type = parcel.body, parcel.message.content_type or ""
    identity = str(new_id())
    if isinstance(content, Event):
        body, media_type, identity = encode_each([content])[0], ONE, str(content.id)
    elif isinstance(content, Unreadable):
        body, media_type = content.body, ONE
    headers = parcel.headers | {
        "x-bus-id": identity,
        "x-bus-reason": reason,
        "x-bus-error": "" if error is None else f"{type(error).__name__}: {error}"[:_LONGEST],
        "x-bus-deliveries": count,
        "x-bus-topic": content.topic if isinstance(content, Event) else parcel.topic,
        "x-bus-at": now().isoformat(),
        "x-bus-media-type": media_type,
    }
    # Bytes that are no text would not pass through every broker's JSON.
    return Outgoing(names.dead(parcel.group), base64.b64encode(body), _RAW, headers)


class Graveyard:
    """The dead letters of a bus: looked at, sent again, dropped."""

    def __init__(self, wire: Wire, ledger: Ledger, names: Names) -> None:
        self._wire, self._ledger, self._names = wire, ledger, names

    def letters(self, group: str, most: int = 100) -> list[DeadLetter]:
        """Up to so many, the oldest first. While they are read nobody else sees them."""
        found: list[DeadLetter] = []

        def look(letter: DeadLetter) -> bool:
            found.append(letter)
            return False

        self._go_through(group, look, most)
        return found

    def redrive(self, group: str, ids: Collection[str] | None = None) -> int:
        """Send some, or all, to the group's queue again, their deliveries counted anew; how many."""

        def send(letter: DeadLetter) -> bool:
            if ids is not None and letter.id not in ids:
                return False
            self._ledger.forget(group, letter.id)
            media_type = letter.headers.get("x-bus-media-type") or ONE
            kept = {name: value for name, value in letter.headers.items() if not name.startswith(_MINE)}
            self._wire.put([Outgoing(self._names.queue(group), letter.body, media_type, kept)])
            return True

        return self._go_through(group, send)

    def drop(self, group: str, ids: Collection[str] | None = None) -> int:
        """Remove some, or all, for good; how many."""
        return self._go_through(group, lambda letter: ids is None or letter.id in ids)

    def _go_through(self, group: str, done_with: Callable[[DeadLetter], bool], most: int | None = None) -> int:
        """Take those that are there now; acknowledge what is done with, and give the others back in their order."""
        kept: list[Any] = []
        done = 0
        try:
            for message in self._messages(group, most):
                kept.append(message)
                if done_with(_letter(group, message)):
                    self._wire.ack([kept.pop()])
                    done += 1
        finally:
            self._wire.release(kept)
        return done

    def _messages(self, group: str, most: int | None) -> Iterator[Any]:
        # Until the queue says that it has no more. How many it says to have is not to be trusted: RabbitMQ answers
        # that question before it has put back what the last look gave back.
        queue = self._names.dead(group)
        if self._wire.depth(queue) is None:
            return
        for _ in range(_MOST if most is None else most):
            message = self._wire.get(queue)
            if message is None:
                return
            yield message


def _letter(group: str, message: Any) -> DeadLetter:
    """A dead letter of ours, or one that the broker itself has put there."""
    headers = dict(message.headers or {})
    parcel = Parcel(group, message)
    body, media_type = parcel.body, message.content_type or ""
    if "x-bus-reason" in headers:
        body, media_type = base64.b64decode(body), str(headers["x-bus-media-type"])
    event = _event(body, media_type)
    return DeadLetter(
        id=str(headers.get("x-bus-id") or (event.id if event else parcel.digest)),
        group=group,
        reason=str(headers.get("x-bus-reason") or headers.get("x-first-death-reason") or ""),
        error=str(headers.get("x-bus-error") or ""),
        deliveries=int(headers.get("x-bus-deliveries") or 0),
        topic=str(headers.get("x-bus-topic") or (event.topic if event else "")),
        at=str(headers.get("x-bus-at") or ""),
        headers={name: value for name, value in headers.items() if name != "x-delivery-count"},
        event=event,
        body=body,
    )


def _event(body: bytes, media_type: str) -> Event | None:
    """The one event of a message, where it has one that can be read."""
    if media_type not in (ONE, MANY):
        return None
    try:
        found = decode(body, media_type)
    except MessageUnreadable:
        return None
    return found[0] if len(found) == 1 and isinstance(found[0], Event) else None
