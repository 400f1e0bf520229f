"""Exports: a history as JSON Lines, which anybody can verify without the database.

The first line says whose history it is and how far its chain goes; each further line is an event with its
seal, in the order of the chain, then the events that are not sealed yet. Where earlier events were archived, ``after``
of the first line says behind which link the chain goes on. Data stand in the line as the
database gives them: a program that reads and writes numbers as doubles may change them, and so the digest.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from orchestrator_site import clock
from orchestrator_site.history import statements
from orchestrator_site.history.archives import archives_of
from orchestrator_site.history.canonical import DEEPEST, NotCanonicalError, deep_data, depth, parse
from orchestrator_site.history.chain import Facts, Link, value_digest
from orchestrator_site.history.errors import ExportUnreadable, StreamNotFound
from orchestrator_site.history.verification import Entry, Head

FORMAT = "phasegate.history/1"
_CHUNK = 2000
# Characters at which some programs end a line, and JSON does not; they stand in texts only, so an escape will do.
_OTHER_BREAKS = re.compile("[\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Export:
    """An export that is being read: the entries come as the lines do."""

    stream: str
    head: Head | None
    entries: Iterator[Entry]
    after: Head | None = None


def export_lines(stream: UUID) -> Iterator[str]:
    """The lines of an export, each without its line break. Raises ``StreamNotFound`` before the first."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statements.EXPORT_HEADER, [stream] * 3)
        events, seq, last = cursor.fetchone()
        if not events and seq is None:
            raise StreamNotFound(f"There is no history of {stream}.")
        archives = archives_of(stream)
        after = {"after": {"seq": archives[-1].last, "hash": archives[-1].hash}} if archives else {}
        yield _dumps(
            {
                "format": FORMAT,
                "stream": str(stream),
                "events": events,
                "head": None if seq is None else {"seq": seq, "hash": last},
                **after,
                "exported_at": clock.now().isoformat(),
            }
        )
        yield from _lines(statements.CHAIN, stream, sealed=True)
        yield from _lines(statements.UNSEALED, stream, sealed=False)


def _lines(statement: str, stream: UUID, *, sealed: bool) -> Iterator[str]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, [stream])
        while rows := cursor.fetchmany(_CHUNK):
            for row in rows:
                yield _line(row[6:], Link(*row[:6])) if sealed else _line(row[:-1], None)


def _line(event: Any, link: Link | None) -> str:
    seal = None
    if link is not None:
        names = ("event", "seq", "data_digest", "previous", "hash")
        seal = {name: getattr(link, name) for name in names}
    if event[0] is None:
        return _dumps({"seal": seal, "event": None})
    number, stream, at, kind, actor, subject, data = event
    facts = {"id": number, "stream": stream, "at": at, "kind": kind, "actor": actor, "subject": subject}
    # What nests too deep to be read by recursion goes as a text.
    inner = f'"data_text": {_dumps(data)}' if depth(data) > DEEPEST else f'"data": {data}'
    line = f'{{"seal": {_dumps(seal)}, "event": {_dumps(facts)[:-1]}, {inner}}}}}'
    return _OTHER_BREAKS.sub(lambda found: f"\\u{ord(found.group()):04x}", line)


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def read_export(lines: Iterable[str]) -> Export:
    """Begin to read an export; a line that is none of ours is an entry that no chain accepts.

    Raises ``ExportUnreadable`` where the first line is not that of an export.
    """
    rest = iter(lines)
    first = next(rest, "")
    try:
        header = parse(first)
        if header["format"] != FORMAT:
            raise ExportUnreadable(f"This is an export of another format ({header['format']!r}).")
        stream = str(UUID(header["stream"]))
        head, after = _head(header["head"]), _head(header.get("after"))
    except (NotCanonicalError, KeyError, TypeError, ValueError, AttributeError):
        raise ExportUnreadable("The first line is not the header of an exported history.") from None
    entries = (_entry(line, number, stream) for number, line in enumerate(rest, 2) if line.strip())
    return Export(stream, head, entries, after)


def _head(given: Any) -> Head | None:
    return None if given is None else Head(int(given["seq"]), str(given["hash"]))


def _entry(line: str, number: int, stream: str) -> Entry:
    try:
        read = parse(line)
        seal, event = read["seal"], read["event"]
        facts = None if event is None else _facts(event)
        if seal is None:
            return Entry(facts, None)
        return Entry(facts, _link(seal, stream))
    except (NotCanonicalError, KeyError, TypeError, ValueError, AttributeError):
        raise ExportUnreadable(f"Line {number} is no event of an exported history.") from None


def _link(seal: Any, stream: str) -> Link:
    texts = (str(seal[name]) for name in ("data_digest", "previous", "hash"))
    return Link(int(seal["event"]), stream, int(seal["seq"]), *texts)


def _facts(event: Any) -> Facts:
    if "data_text" in event:
        digest = hashlib.sha256(deep_data(str(event["data_text"]))).hexdigest()
    else:
        digest = value_digest(event["data"])
    return Facts(
        id=int(event["id"]),
        stream=str(event["stream"]),
        at=None if event["at"] is None else str(event["at"]),
        kind=str(event["kind"]),
        actor=str(event["actor"]),
        subject=str(event["subject"]),
        digest=digest,
    )
