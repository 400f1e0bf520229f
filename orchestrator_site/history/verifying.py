"""Verifying histories as they stand in the database, or in an export."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from orchestrator_site.history import statements
from orchestrator_site.history.archives import archives_of
from orchestrator_site.history.chain import Facts, Link
from orchestrator_site.history.errors import StreamNotFound
from orchestrator_site.history.exporting import read_export
from orchestrator_site.history.verification import Entry, Head, Verification, verify

_CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Totals:
    """Seals that are there, and seals that were made: what a history removed whole leaves behind."""

    there: int
    archived: int
    made: int

    @property
    def ok(self) -> bool:
        """Whether none is missing and none too many."""
        return self.there + self.archived == self.made


def verify_stream(stream: UUID, *, noted: str | None = None) -> Verification:
    """Verify one stream in the database, in one consistent view of it. Raises ``StreamNotFound``.

    ``noted`` is a hash of this chain that was written down elsewhere, by which a chain made anew is found
    out. Of what was archived this says nothing but how the chain goes on behind it: see ``archiving.check_files``.
    """
    with transaction.atomic():
        one_view()
        archives = archives_of(stream)
        with connection.cursor() as cursor:
            cursor.execute(statements.HEAD, [stream])
            row = cursor.fetchone()
        head = Head(*row) if row else None
        after = Head(archives[-1].last, archives[-1].hash) if archives else None
        found = verify(str(stream), entries_of(stream), head=head, noted=noted, after=after)
    if head is None and found.ok and not found.sealed and not found.unsealed:
        raise StreamNotFound(f"There is no history of {stream}.")
    return found


def verify_export(lines: Iterable[str], *, noted: str | None = None) -> Verification:
    """Verify an export by itself, without a database. Raises ``ExportUnreadable``."""
    export = read_export(lines)
    return verify(export.stream, export.entries, head=export.head, noted=noted, after=export.after)


def verify_totals() -> Totals:
    """Count the seals: a history that was removed with all its rows leaves no other trace."""
    with connection.cursor() as cursor:
        cursor.execute(statements.COUNTED)
        return Totals(*cursor.fetchone())


def streams() -> list[UUID]:
    """Every stream of which anything is left."""
    with connection.cursor() as cursor:
        cursor.execute(statements.STREAMS)
        return [stream for (stream,) in cursor.fetchall()]


def entries_of(stream: UUID) -> Iterator[Entry]:
    """The chain of a stream and its unsealed events, read in chunks; within a transaction."""
    for row in _rows(statements.CHAIN, stream):
        link, event = Link(*row[:6]), row[6:]
        yield Entry(Facts.of_row(event) if event[0] is not None else None, link)
    for *event, passed in _rows(statements.UNSEALED, stream):
        yield Entry(Facts.of_row(event), None, passed)


def _rows(statement: str, stream: UUID) -> Iterator[Any]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, [stream])
        while rows := cursor.fetchmany(_CHUNK):
            yield from rows


def one_view() -> None:
    """Let all that follows see the same moment; within somebody else's transaction that is theirs to say."""
    if len(connection.atomic_blocks) == 1:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
