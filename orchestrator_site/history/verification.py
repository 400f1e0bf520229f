"""Checking a chain link by link, and naming the first event that is not as it was sealed. Pure.

What it walks along is the same from the database and from an export: links in their order, each with its
event where that is still there, then the events that are not sealed yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain, islice

from orchestrator_site.history.chain import ZERO, Facts, Link, link_hash

_AHEAD = 100_000  # links that are looked through to say what became of an event
_SHIFTS = 64  # places by which a renumbered link is looked for


class Deed(StrEnum):
    """What was done to a history."""

    CHANGED = "changed"
    REMOVED = "removed"
    INSERTED = "inserted"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    REWRITTEN = "rewritten"


@dataclass(frozen=True, slots=True)
class Fault:
    """The first place at which a history is not as it was sealed."""

    kind: Deed
    seq: int | None
    event: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain goes: the place and the hash of its last link."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A link with its event, a link that has lost its event, or an event without a link.

    ``passed``: the sealer has gone past the event, so that it should have a link.
    """

    event: Facts | None
    link: Link | None
    passed: bool = False


@dataclass(frozen=True, slots=True)
class Verification:
    """The finding: links intact from the start on, events that wait for theirs, and the first fault.

    ``sealed`` counts the links that were looked at, ``archived`` those that stand before them elsewhere.
    """

    stream: str
    sealed: int
    unsealed: int
    head: Head | None
    fault: Fault | None
    archived: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.fault is None


def verify(
    stream: str, entries: Iterable[Entry], *, head: Head | None, noted: str | None = None, after: Head | None = None
) -> Verification:
    """Walk along a chain to its end or its first fault.

    ``head`` is how far the chain goes by the record that is kept apart from it. ``noted`` is a hash that
    somebody wrote down elsewhere at an earlier time: it must be the hash of one of the links. ``after`` is the last
    link of what was archived: the chain goes on behind it.
    """
    walk = _Walk(stream, iter(entries), noted, after)
    fault = walk.along() or walk.at_the_end(head)
    found = Head(walk.seq, walk.last) if walk.seq else None
    return Verification(stream, walk.seq - walk.start, walk.unsealed, found, fault, archived=walk.start)


class _Walk:
    """Where we are: ``seq`` links are good, ``last`` and ``before`` are the hashes of the last two."""

    def __init__(self, stream: str, entries: Iterator[Entry], noted: str | None, after: Head | None) -> None:
        self.stream = stream
        self.entries = entries
        self.unsealed = 0
        self.start = self.seq = after.seq if after is not None else 0
        self.last, self.before = after.hash if after is not None else ZERO, ""
        self.latest: int | None = None
        self.noted = noted.lower() if noted and noted.lower() != self.last else None
        self.stray: Fault | None = None

    def along(self) -> Fault | None:
        """The first fault of a link or of its event."""
        for entry in self.entries:
            if entry.link is None:
                self._count_unsealed(entry)
            elif fault := self._look(entry.link, entry.event):
                self.unsealed += sum(1 for later in self.entries if later.link is None)
                return fault
        return None

    def at_the_end(self, head: Head | None) -> Fault | None:
        """What the record of the head, a stray event or a noted hash say of a chain good in itself."""
        if head is None and self.seq:
            return Fault(Deed.TRUNCATED, self.seq, self.latest, "The record of its length is gone.")
        if head is not None and head.seq > self.seq:
            gone = head.seq - self.seq
            reason = f"The chain had {head.seq} links: the last {gone} were removed with their seals."
            return Fault(Deed.TRUNCATED, self.seq + 1, None, reason)
        if head is not None and (head.seq, head.hash) != (self.seq, self.last):
            reason = "The chain does not end as the record of its head says: its end was made anew."
            return Fault(Deed.REWRITTEN, self.seq, self.latest, reason)
        if self.stray:
            return self.stray
        if self.noted:
            reason = "The hash that was noted is none of this chain's: the chain was made anew."
            return Fault(Deed.REWRITTEN, None, None, reason)
        return None

    def _count_unsealed(self, entry: Entry) -> None:
        self.unsealed += 1
        if self.stray is None and entry.event is not None:
            if entry.event.stream != self.stream:
                reason = "The event belongs to another stream."
                self.stray = Fault(Deed.INSERTED, None, entry.event.id, reason)
            elif entry.passed:
                reason = "It has no seal where all others are sealed: it was put in, or its seal removed."
                self.stray = Fault(Deed.INSERTED, None, entry.event.id, reason)

    def _look(self, link: Link, event: Facts | None) -> Fault | None:
        place = self.seq + 1
        fault = (
            self._wrong_place(link, place)
            or self._wrong_event(link, event)
            or (self._wrong_content(link, event) if event is not None else None)
        )
        if fault is None:
            self.before, self.last, self.seq, self.latest = self.last, link.hash, place, link.event
            if self.last == self.noted:
                self.noted = None
        return fault

    def _wrong_place(self, link: Link, place: int) -> Fault | None:
        if link.stream != self.stream:
            return Fault(Deed.INSERTED, link.seq, link.event, "The seal belongs to another stream.")
        if link.seq == place:
            return None
        if link.seq < place:
            return Fault(Deed.INSERTED, link.seq, link.event, f"There are two links at place {link.seq}.")
        missing = next((later.event for later in self._ahead() if later.seq == place), None)
        if missing is not None:
            return Fault(Deed.REORDERED, place, missing, f"The event of place {place} stands further back.")
        return Fault(Deed.REMOVED, place, None, f"The event of place {place} is gone with its seal.")

    def _wrong_event(self, link: Link, event: Facts | None) -> Fault | None:
        if event is None:
            return Fault(Deed.REMOVED, link.seq, link.event, "The event is gone; its seal is still there.")
        if event.stream != link.stream:
            return Fault(Deed.CHANGED, link.seq, event.id, "The event was moved to another stream.")
        if event.id != link.event:
            owner = any(later.event == event.id for later in self._ahead())
            kind = Deed.REORDERED if owner else Deed.CHANGED
            return Fault(kind, link.seq, link.event, f"Event {event.id} stands at the seal of {link.event}.")
        return None

    def _wrong_content(self, link: Link, event: Facts) -> Fault | None:
        hash_is_good = link_hash(event, link.seq, link.data_digest, link.previous) == link.hash
        if link.previous != self.last:
            return self._broken_link(link, event, hash_is_good)
        if not hash_is_good:
            return self._changed(link, event)
        if event.digest != link.data_digest:
            return Fault(Deed.CHANGED, link.seq, event.id, "Its data were changed.")
        return None

    def _changed(self, link: Link, event: Facts) -> Fault:
        for other in self._ahead():
            there = replace(event, id=other.event)
            if other.data_digest == event.digest and other.hash == link_hash(
                there, other.seq, other.data_digest, other.previous
            ):
                reason = f"It was exchanged with event {other.event} of place {other.seq}."
                return Fault(Deed.REORDERED, link.seq, event.id, reason)
        what = "time, kind, actor or subject"
        if event.digest != link.data_digest:
            what += ", and its data,"
        return Fault(Deed.CHANGED, link.seq, event.id, f"Its {what} or its seal were changed.")

    def _broken_link(self, link: Link, event: Facts, hash_is_good: bool) -> Fault:
        """The link does not follow the one before it: find out which of the two is at fault."""
        if link.previous == self.before:
            return Fault(Deed.INSERTED, self.seq, self.latest, "The event was put in between two others.")
        if hash_is_good:
            if self.seq == self.start:
                return Fault(Deed.REMOVED, link.seq, link.event, "What stood before the first event is gone.")
            return Fault(Deed.CHANGED, self.seq, self.latest, "It was changed, and sealed anew.")
        if any(later.previous == self.last for later in self._ahead()):
            return Fault(Deed.REORDERED, link.seq, link.event, "Another event stood at this place.")
        shift = self._shift(link, event)
        if shift:
            kind, word = (Deed.REMOVED, "removed") if shift > 0 else (Deed.INSERTED, "put in")
            reason = f"{abs(shift)} before it were {word}, and what follows was renumbered."
            return Fault(kind, link.seq, link.event, reason)
        return Fault(Deed.CHANGED, link.seq, link.event, "Its seal was changed.")

    def _shift(self, link: Link, event: Facts) -> int:
        """By how many places the link was moved forward; 0 where it was not."""
        for distance in range(1, _SHIFTS):
            for shift in (distance, -distance):
                if link_hash(event, link.seq + shift, link.data_digest, link.previous) == link.hash:
                    return shift
        return 0

    def _ahead(self) -> list[Link]:
        """The links that follow; what was not read yet is kept, so that it can be looked at again."""
        some = list(islice(self.entries, _AHEAD))
        self.entries = chain(some, self.entries)
        return [entry.link for entry in some if entry.link is not None]
