"""The sealer: it brings events that were appended freely into the chains of their streams, in batches.

The number of an event is no order of commits: a transaction that is still open may hold a lower number than
one that has committed. So only events of transactions below the snapshot's ``xmin`` are sealed: those have
all ended, and nothing can come in before them any more. The position, one row, is (transaction, event).

One sealer works at a time (an advisory lock that ends with the transaction); who comes meanwhile goes away
with 0. Writers never wait for it, and it never waits for them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from orchestrator_site.history import statements
from orchestrator_site.history.chain import ZERO, Facts, Link, seal

logger = logging.getLogger(__name__)

# Any number that all sealers agree on; 7_274_283_001 is the lock of migrations.
_LOCK = 7_274_283_002
# What stands for a server where none has sealed yet, or where unsealed events are still being looked for.
_NEVER, _LOOKING = 0, -1


@dataclass(frozen=True, slots=True)
class Lag:
    """How far sealing is behind: the unsealed events, and the age of the oldest in seconds."""

    events: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where the sealer stands, and up to where it may go. ``moved``: the position was counted elsewhere."""

    cluster: int
    transaction: int
    event: int
    horizon: int
    next: int
    moved: bool


def seal_pending(limit: int = 5000) -> int:
    """Seal up to ``limit`` events, and say how many. 0: nothing to do, or another sealer is at work.

    It is safe to call at any time from anywhere. Called within a transaction it keeps the sealer's lock
    until that ends, and cannot seal what that transaction has written.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        standing = _standing(cursor)
        rows = _batch(cursor, standing, limit)
        # The order of writing where transactions overlapped, within a batch.
        links = _link(cursor, sorted((event for event, _xid in rows), key=lambda event: event.id))
        _write(cursor, links)
        _move_on(cursor, standing, rows, len(links), drained=len(rows) < limit)
        return len(links)


def seal_all(limit: int = 5000) -> int:
    """Seal until nothing is left that can be sealed; how many it were."""
    total = 0
    while sealed := seal_pending(limit):
        total += sealed
    return total


def sealing_lag() -> Lag:
    """How many events wait for their seal, and how old the oldest is; a long transaction holds them up."""
    with connection.cursor() as cursor:
        cursor.execute(statements.LAG)
        events, seconds = cursor.fetchone()
        return Lag(int(events), max(0.0, float(seconds)))


def _standing(cursor: CursorWrapper) -> _Standing:
    cursor.execute(statements.STANDING)
    cluster, kept, number, event, horizon, following = (int(value) for value in cursor.fetchone())
    moved = kept != cluster or following <= number
    if moved and kept not in (_NEVER, _LOOKING):
        logger.warning("history: transactions are counted anew (a restored dump?); looking for every unsealed event")
        event = 0
    return _Standing(cluster, number, event, horizon, following, moved)


def _batch(cursor: CursorWrapper, standing: _Standing, limit: int) -> list[tuple[Facts, int]]:
    """Events to be sealed, in the order of (transaction, event), each with its transaction."""
    if standing.moved:
        parameters: Sequence[Any] = [standing.event, standing.horizon, standing.next, limit]
        cursor.execute(statements.UNSEALED_ANYWHERE, parameters)
    else:
        parameters = [standing.transaction, standing.event, standing.horizon, limit]
        cursor.execute(statements.UNSEALED_BEHIND, parameters)
    return [(Facts.of_row(row[:-1]), int(row[-1])) for row in cursor.fetchall()]


def _link(cursor: CursorWrapper, events: Sequence[Facts]) -> list[Link]:
    """Each event's link, behind the last of its stream. None where its chain was broken at the end."""
    heads, broken = _heads(cursor, {event.stream for event in events})
    links: list[Link] = []
    for event in events:
        if event.stream in broken:
            continue
        seq, last = heads.get(event.stream, (0, ZERO))
        link = seal(event, seq=seq + 1, previous=last)
        heads[event.stream] = (link.seq, link.hash)
        links.append(link)
    return links


def _heads(cursor: CursorWrapper, streams: Iterable[str]) -> tuple[dict[str, tuple[int, str]], frozenset[str]]:
    """The last link of each stream, and the streams of which head and last seal tell different stories."""
    cursor.execute(statements.HEADS, [[UUID(stream) for stream in streams]])
    heads: dict[str, tuple[int, str]] = {}
    broken: set[str] = set()
    for stream, seq, last, kept_seq, kept_hash in cursor.fetchall():
        if (seq, last) != (kept_seq, kept_hash):
            broken.add(stream)
            logger.error("history: the chain of %s was tampered with; it is not continued", stream)
        elif seq is not None:
            heads[stream] = (seq, last)
    return heads, frozenset(broken)


def _write(cursor: CursorWrapper, links: Sequence[Link]) -> None:
    if not links:
        return
    with cursor.copy(statements.COPY_SEALS) as copy:
        for link in links:
            copy.write_row(
                (
                    link.event,
                    link.stream,
                    link.seq,
                    bytes.fromhex(link.data_digest),
                    bytes.fromhex(link.previous),
                    bytes.fromhex(link.hash),
                )
            )
    last = {link.stream: link for link in links}.values()
    cursor.execute(
        statements.RAISE_HEADS,
        [
            [UUID(link.stream) for link in last],
            [link.seq for link in last],
            [bytes.fromhex(link.hash) for link in last],
        ],
    )


def _move_on(
    cursor: CursorWrapper,
    standing: _Standing,
    rows: Sequence[tuple[Facts, int]],
    sealed: int,
    *,
    drained: bool,
) -> None:
    """Keep the new position; not for every empty look, which would write a row a second for nothing."""
    if drained:
        place = (standing.horizon, 0)
    elif standing.moved:
        place = (standing.transaction, rows[-1][0].id)
    else:
        place = (rows[-1][1], rows[-1][0].id)
    cluster = standing.cluster if drained or not standing.moved else _LOOKING
    if sealed or standing.moved or place[0] - standing.transaction > statements.IDLE_TRANSACTIONS:
        cursor.execute(statements.MOVE_ON, [cluster, *place, sealed])
