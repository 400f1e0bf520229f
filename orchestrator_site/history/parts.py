"""A history as part of another document: its seals beside its events, and verifying the two together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from orchestrator_site.history.archives import archives_of
from orchestrator_site.history.canonical import NotCanonicalError, parse
from orchestrator_site.history.chain import Facts, Link, value_digest
from orchestrator_site.history.models import Head as HeadRow
from orchestrator_site.history.models import Seal
from orchestrator_site.history.verification import Entry, Head, Verification, verify


def chain_of(stream: UUID) -> dict[str, Any]:
    """The seals of a stream in their order, and how far its chain goes, as JSON can hold them.

    Where events of it were archived, ``after`` says behind which link the seals go on.
    """
    head = HeadRow.objects.filter(pk=stream).first()
    seals = Seal.objects.filter(stream=stream).order_by("seq")
    archives = archives_of(stream)
    after = {"after": {"seq": archives[-1].last, "hash": archives[-1].hash}} if archives else {}
    return {
        "head": None if head is None else {"seq": head.seq, "hash": bytes(head.hash).hex()},
        **after,
        "seals": [
            {
                "event": seal.event_id,
                "seq": seal.seq,
                "data_digest": bytes(seal.data_digest).hex(),
                "previous": bytes(seal.previous).hex(),
                "hash": bytes(seal.hash).hex(),
            }
            for seal in seals
        ],
    }


def verify_parts(stream: str, events: Iterable[Mapping[str, Any]], chain: Mapping[str, Any]) -> Verification:
    """Verify events against the seals that came with them.

    ``events`` have number, time, kind, actor, subject and data; ``chain`` is as from ``chain_of``.
    """
    facts = {int(event["id"]): _facts(stream, event) for event in events}
    entries = _entries(stream, facts, chain["seals"])
    return verify(stream, entries, head=_head(chain["head"]), after=_head(chain.get("after")))


def _head(given: Mapping[str, Any] | None) -> Head | None:
    return None if given is None else Head(given["seq"], given["hash"])


def _entries(stream: str, facts: dict[int, Facts], seals: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
    left = dict(facts)
    for seal in seals:
        link = Link(seal["event"], stream, seal["seq"], seal["data_digest"], seal["previous"], seal["hash"])
        yield Entry(left.pop(seal["event"], None), link)
    for event in left.values():
        yield Entry(event, None)


def _facts(stream: str, event: Mapping[str, Any]) -> Facts:
    return Facts(
        id=int(event["id"]),
        stream=stream,
        at=_moment(event["at"]),
        kind=str(event["kind"]),
        actor=str(event["actor"]),
        subject=str(event["subject"]),
        digest=_digest(event["data"]),
    )


def _moment(text: str) -> str | None:
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
    except (ValueError, OverflowError):
        return None


def _digest(data: Any) -> str:
    """As from the database: numbers are read anew, so that each has the form in which it is digested."""
    try:
        return value_digest(parse(json.dumps(data, ensure_ascii=False)))
    except (NotCanonicalError, ValueError):
        return ""
