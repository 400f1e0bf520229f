"""Events leave the database by one door, which opens only for an archive that is what the history is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.db.utils import IntegrityError

from orchestrator_site.history import services as history
from orchestrator_site.history.archives import archives_of
from orchestrator_site.history.models import Event, Head
from orchestrator_site.history.verifying import verify_stream
from tests.history.putting_away import later, put_away
from tests.sealing import seal_everything

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = [
    "UPDATE history_event SET actor = 'user:mallory'",
    "DELETE FROM history_event",
    "DELETE FROM history_event WHERE false",
    "TRUNCATE history_event",
    "UPDATE history_seal SET seq = seq + 1",
    "DELETE FROM history_seal",
    "TRUNCATE history_seal",
    "DELETE FROM history_head",
    "UPDATE history_archive SET file = 'other'",
    "DELETE FROM history_archive",
    "TRUNCATE history_archive",
]


def execute(*statements: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for statement, *parameters in statements:
            cursor.execute(statement, parameters or None)


@pytest.mark.parametrize("statement", REFUSED)
def test_everything_else_stays_refused_to_the_owner_too(stream: UUID, tmp_path: Path, statement: str) -> None:
    put_away(stream, tmp_path)
    other = uuid4()
    later(other, "kept")

    with pytest.raises(IntegrityError, match="append-only"):
        execute((statement,))
    assert verify_stream(other).sealed == 1


OPEN_BY_HAND = "SELECT set_config('phasegate.putting_away', %s, true)"


@pytest.mark.parametrize("table", ["history_event", "history_seal"])
def test_the_setting_that_opens_the_door_lets_nothing_out_that_is_not_archived(
    stream: UUID, tmp_path: Path, table: str
) -> None:
    put_away(stream, tmp_path)
    later(stream, "after the archive")
    other = uuid4()
    later(other, "never archived")

    for which in (stream, other):
        with pytest.raises(IntegrityError, match="not archived"):
            execute((OPEN_BY_HAND, str(which)), (f"DELETE FROM {table} WHERE stream = %s", which))
    with pytest.raises(IntegrityError, match="append-only"):
        execute((OPEN_BY_HAND, str(stream)), ("UPDATE history_event SET actor = 'x'",))
    assert verify_stream(other).sealed == verify_stream(stream).sealed == 1


def door(stream: UUID, **changed: Any) -> None:
    head = Head.objects.get(stream=stream)
    given = {
        "from_seq": 1,
        "to_seq": head.seq,
        "before": bytes(32),
        "last": bytes(head.hash),
        "file": "f",
        "sha256": bytes(32),
        "size": 1,
        "actor": "a",
    } | changed
    execute(("SELECT history_put_away(%s, %s, %s, %s, %s, %s, %s, %s, %s)", stream, *given.values()))


@pytest.mark.parametrize(
    "changed",
    [
        {"to_seq": 5},
        {"to_seq": 7},
        {"from_seq": 2},
        {"before": b"\1" * 32},
        {"last": b"\1" * 32},
        {"file": ""},
        {"actor": ""},
        {"sha256": b"short"},
        {"from_seq": 0},
    ],
)
def test_the_door_opens_only_for_an_archive_that_is_what_the_history_is(stream: UUID, changed: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        door(stream, **changed)
    assert Event.objects.filter(stream=stream).count() == 6
    assert archives_of(stream) == ()


def test_the_door_does_not_open_while_something_is_unsealed_or_gone(stream: UUID, tamper: Callable[..., int]) -> None:
    history.append(stream, "later", actor="system")
    with pytest.raises(IntegrityError, match="not what the history is"):
        door(stream)
    seal_everything()
    tamper("DELETE FROM history_event WHERE stream = %s AND kind = 'later'", stream)
    with pytest.raises(IntegrityError, match="not what the history is"):
        door(stream)


def test_it_opens_for_nobody_who_is_not_told_so(stream: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT proacl::text FROM pg_proc WHERE proname = 'history_put_away'")
        [rights] = cursor.fetchone()
        cursor.execute("SELECT current_user")
        [owner] = cursor.fetchone()

    assert rights == f"{{{owner}=X/{owner}}}"
