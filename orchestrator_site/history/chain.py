"""The arithmetic of the chain: digests and hashes, the same from the database and from an export. Pure.

A link's hash is the SHA-256 over the RFC 8785 form of nine facts: the stream, the place in it (``seq``), the
event's number, time, kind, actor and subject, the digest of its data, and the hash of the link before. So a
change of any of them, or of their order, shows in every hash that follows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import rfc8785

from orchestrator_site.history.canonical import NotCanonicalError, canonical, canonical_data

ZERO = "0" * 64  # what stands before the first link


@dataclass(frozen=True, slots=True)
class Facts:
    """What a link says of its event. ``at`` is RFC 3339 in UTC with microseconds.

    ``at`` is None where the time cannot be written so (infinity), and ``digest`` is empty where the data are
    no JSON: only tampering brings that about.
    """

    id: int
    stream: str
    at: str | None
    kind: str
    actor: str
    subject: str
    digest: str

    @classmethod
    def of_row(cls, row: Sequence[Any]) -> Facts:
        """The facts of a row of ours: number, stream, time, kind, actor, subject, and the data as JSON text."""
        number, stream, at, kind, actor, subject, data = row
        return cls(number, stream, at, kind, actor, subject, data_digest(data))


@dataclass(frozen=True, slots=True)
class Link:
    """A seal as it is kept; digests in hexadecimal."""

    event: int
    stream: str
    seq: int
    data_digest: str
    previous: str
    hash: str


def seal(event: Facts, *, seq: int, previous: str) -> Link:
    """The link of an event at a place behind another."""
    hashed = link_hash(event, seq, event.digest, previous)
    return Link(event.id, event.stream, seq, event.digest, previous, hashed)


def link_hash(event: Facts, seq: int, digest: str, previous: str) -> str:
    """The hash of a link; empty, and so equal to none, where a value is one that no event can have."""
    facts: dict[str, Any] = {
        "stream": event.stream,
        "seq": seq,
        "id": event.id,
        "at": event.at,
        "kind": event.kind,
        "actor": event.actor,
        "subject": event.subject,
        "data_digest": digest,
        "previous": previous,
    }
    try:
        return hashlib.sha256(rfc8785.dumps(facts)).hexdigest()
    except (rfc8785.CanonicalizationError, ValueError):
        return ""


def data_digest(text: str) -> str:
    """SHA-256 over the canonical form of JSON text; empty, and so equal to none, where it is no JSON."""
    try:
        return hashlib.sha256(canonical_data(text)).hexdigest()
    except NotCanonicalError:
        return ""


def value_digest(value: Any) -> str:
    """The same of a value that ``canonical.parse`` has read."""
    try:
        return hashlib.sha256(canonical(value)).hexdigest()
    except NotCanonicalError:
        return ""
