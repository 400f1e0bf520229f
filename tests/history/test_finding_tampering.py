"""Whatever the owner of the database does to a history, verifying names the first event that it was done to."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from django.db import connection

from orchestrator_site.history import services as history
from orchestrator_site.history.chain import Facts, seal
from orchestrator_site.history.errors import StreamNotFound
from orchestrator_site.history.models import Head, Seal
from orchestrator_site.history.verification import Deed, Verification
from orchestrator_site.history.verifying import streams, verify_stream, verify_totals
from tests.sealing import seal_everything

Tamper = Callable[..., int]

pytestmark = pytest.mark.django_db(transaction=True)


def numbers(stream: UUID) -> list[int]:
    return list(Seal.objects.filter(stream=stream).order_by("seq").values_list("event_id", flat=True))


def finding(found: Verification) -> tuple[Deed | None, int | None, int | None]:
    fault = found.fault
    return (fault.kind, fault.seq, fault.event) if fault else (None, None, None)


def test_an_untouched_history_is_intact(stream: UUID) -> None:
    history.append(stream, "not.sealed.yet", actor="system")
    found = verify_stream(stream)

    assert (found.ok, found.sealed, found.unsealed) == (True, 6, 1)
    assert found.head is not None
    assert found.head.seq == 6


@pytest.mark.parametrize(
    "change",
    [
        "data = data || '{\"number\": 99}'",
        "data = jsonb_set(data, '{share}', '0.20000000000000002')",
        "data = data - 'number'",
        "kind = 'step.failed'",
        "at = at + interval '1 microsecond'",
        "at = 'infinity'",
        "actor = 'user:mallory'",
        "subject = ''",
        'data = \'{"share": "0.2", "number": 2}\'',
    ],
)
def test_a_change_names_the_event(stream: UUID, tamper: Tamper, change: str) -> None:
    third = numbers(stream)[2]
    assert tamper(f"UPDATE history_event SET {change} WHERE id = %s", third) == 1

    assert finding(verify_stream(stream)) == (Deed.CHANGED, 3, third)


def test_of_several_changes_the_first_is_named(stream: UUID, tamper: Tamper) -> None:
    ids = numbers(stream)
    tamper("UPDATE history_event SET actor = 'x' WHERE id IN (%s, %s)", ids[4], ids[1])

    assert finding(verify_stream(stream)) == (Deed.CHANGED, 2, ids[1])


def test_an_event_moved_to_another_stream(stream: UUID, tamper: Tamper) -> None:
    third = numbers(stream)[2]
    tamper("UPDATE history_event SET stream = %s WHERE id = %s", uuid4(), third)

    assert finding(verify_stream(stream)) == (Deed.CHANGED, 3, third)


def test_a_removed_event(stream: UUID, tamper: Tamper) -> None:
    third = numbers(stream)[2]
    tamper("DELETE FROM history_event WHERE id = %s", third)

    assert finding(verify_stream(stream)) == (Deed.REMOVED, 3, third)


def test_an_event_removed_with_its_seal(stream: UUID, tamper: Tamper) -> None:
    third = numbers(stream)[2]
    tamper("DELETE FROM history_event WHERE id = %s", third)
    tamper("DELETE FROM history_seal WHERE event_id = %s", third)

    assert finding(verify_stream(stream)) == (Deed.REMOVED, 3, None)


def test_an_event_removed_with_its_seal_and_the_rest_renumbered(stream: UUID, tamper: Tamper) -> None:
    ids = numbers(stream)
    tamper("DELETE FROM history_event WHERE id = %s", ids[2])
    tamper("DELETE FROM history_seal WHERE event_id = %s", ids[2])
    for place in (4, 5, 6):
        tamper("UPDATE history_seal SET seq = seq - 1 WHERE stream = %s AND seq = %s", stream, place)

    assert finding(verify_stream(stream)) == (Deed.REMOVED, 3, ids[3])


def test_the_first_event_removed(stream: UUID, tamper: Tamper) -> None:
    first = numbers(stream)[0]
    tamper("DELETE FROM history_event WHERE id = %s", first)
    tamper("DELETE FROM history_seal WHERE event_id = %s", first)

    assert finding(verify_stream(stream)) == (Deed.REMOVED, 1, None)


def test_an_event_put_in_without_a_seal(tamper: Tamper) -> None:
    mine = uuid4()
    first = history.append(mine, "a", actor="system")
    history.append(uuid4(), "elsewhere", actor="system")
    history.append(mine, "b", actor="system")
    seal_everything()
    tamper("DELETE FROM history_event WHERE id = %s", first + 1)
    tamper(
        "INSERT INTO history_event (id, stream, kind, actor, at, transaction) OVERRIDING SYSTEM VALUE "
        "SELECT id + 1, stream, 'approval.approved', 'user:alice', at, transaction "
        "  FROM history_event WHERE id = %s",
        first,
    )
    tamper("DELETE FROM history_seal WHERE event_id = %s", first + 1)

    assert seal_everything() == 0
    assert finding(verify_stream(mine)) == (Deed.INSERTED, None, first + 1)


def test_an_event_put_in_with_a_seal_of_its_own(stream: UUID, tamper: Tamper) -> None:
    third = Seal.objects.get(stream=stream, seq=3)
    event = third.event
    put_in = numbers(stream)[-1] + 500
    for place in (6, 5, 4):
        tamper("UPDATE history_seal SET seq = seq + 1 WHERE stream = %s AND seq = %s", stream, place)
    tamper(
        "INSERT INTO history_event (id, stream, kind, actor, at, transaction) OVERRIDING SYSTEM VALUE "
        "SELECT %s, stream, 'approval.approved', 'user:alice', at, transaction "
        "  FROM history_event WHERE id = %s",
        put_in,
        event.id,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, stream::text, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), "
            "kind, actor, subject, data::text FROM history_event WHERE id = %s",
            [put_in],
        )
        forged = seal(Facts.of_row(cursor.fetchone()), seq=4, previous=bytes(third.hash).hex())
    tamper(
        "INSERT INTO history_seal (event_id, stream, seq, data_digest, previous, hash) VALUES (%s, %s, 4, %s, %s, %s)",
        put_in,
        stream,
        bytes.fromhex(forged.data_digest),
        bytes.fromhex(forged.previous),
        bytes.fromhex(forged.hash),
    )

    assert finding(verify_stream(stream)) == (Deed.INSERTED, 4, put_in)


def test_two_events_exchanged(stream: UUID, tamper: Tamper) -> None:
    ids = numbers(stream)
    tamper(
        "UPDATE history_event a SET kind = b.kind, at = b.at, actor = b.actor, subject = b.subject, "
        "data = b.data FROM history_event b WHERE a.id IN (%s, %s) AND b.id IN (%s, %s) AND a.id <> b.id",
        ids[1],
        ids[3],
        ids[1],
        ids[3],
    )

    assert finding(verify_stream(stream)) == (Deed.REORDERED, 2, ids[1])


def test_two_seals_exchanged(stream: UUID, tamper: Tamper) -> None:
    ids = numbers(stream)
    tamper("UPDATE history_seal SET seq = 100 WHERE stream = %s AND seq = 2", stream)
    tamper("UPDATE history_seal SET seq = 2 WHERE stream = %s AND seq = 4", stream)
    tamper("UPDATE history_seal SET seq = 4 WHERE stream = %s AND seq = 100", stream)

    assert finding(verify_stream(stream)) == (Deed.REORDERED, 2, ids[3])


@pytest.mark.parametrize("gone", [1, 3])
def test_the_end_cut_off(stream: UUID, tamper: Tamper, gone: int) -> None:
    for number in numbers(stream)[-gone:]:
        tamper("DELETE FROM history_event WHERE id = %s", number)
        tamper("DELETE FROM history_seal WHERE event_id = %s", number)

    assert finding(verify_stream(stream)) == (Deed.TRUNCATED, 7 - gone, None)


def test_the_end_cut_off_and_the_record_of_its_length_removed(stream: UUID, tamper: Tamper) -> None:
    tamper("DELETE FROM history_event WHERE id = %s", numbers(stream)[-1])
    tamper("DELETE FROM history_seal WHERE stream = %s AND seq = 6", stream)
    tamper("DELETE FROM history_head WHERE stream = %s", stream)

    assert verify_stream(stream).fault is not None
    assert not verify_totals().ok


def test_the_end_cut_off_with_the_record_put_right_is_found_by_the_count(stream: UUID, tamper: Tamper) -> None:
    cut_off_cleanly(stream, tamper)

    assert verify_stream(stream).ok  # nothing in this history tells
    assert (verify_totals().there, verify_totals().made) == (5, 6)


def test_a_hash_noted_elsewhere_finds_what_no_row_can_tell(stream: UUID, tamper: Tamper) -> None:
    noted = bytes(Head.objects.get(stream=stream).hash).hex()
    history.append(stream, "later", actor="system")
    seal_everything()
    assert verify_stream(stream, noted=noted).ok

    tamper("DELETE FROM history_event WHERE id = %s", numbers(stream)[-1])
    tamper("DELETE FROM history_seal WHERE stream = %s AND seq = 7", stream)
    cut_off_cleanly(stream, tamper)
    tamper("UPDATE history_position SET sealed = sealed - 2")

    assert verify_stream(stream).ok
    assert verify_totals().ok
    assert finding(verify_stream(stream, noted=noted)) == (Deed.REWRITTEN, None, None)


def cut_off_cleanly(stream: UUID, tamper: Tamper) -> None:
    tamper("DELETE FROM history_event WHERE id = %s", numbers(stream)[-1])
    tamper("DELETE FROM history_seal WHERE stream = %s AND seq = 6", stream)
    tamper(
        "UPDATE history_head h SET seq = 5, hash = s.hash FROM history_seal s "
        "WHERE h.stream = %s AND s.stream = h.stream AND s.seq = 5",
        stream,
    )


def test_an_event_changed_and_sealed_anew(stream: UUID, tamper: Tamper) -> None:
    third = numbers(stream)[2]
    tamper("UPDATE history_event SET actor = 'user:mallory' WHERE id = %s", third)
    seal_again(stream, 3, tamper)

    assert finding(verify_stream(stream)) == (Deed.CHANGED, 3, third)


def test_the_last_event_changed_and_sealed_anew(stream: UUID, tamper: Tamper) -> None:
    last = numbers(stream)[-1]
    tamper("UPDATE history_event SET actor = 'user:mallory' WHERE id = %s", last)
    seal_again(stream, 6, tamper)

    assert finding(verify_stream(stream)) == (Deed.REWRITTEN, 6, last)


def seal_again(stream: UUID, place: int, tamper: Tamper) -> None:
    """What somebody would do who knows how seals are made."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.id, e.stream::text, "
            "to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), "
            "e.kind, e.actor, e.subject, e.data::text, encode(s.previous, 'hex') "
            "FROM history_event e JOIN history_seal s ON s.event_id = e.id WHERE s.stream = %s AND s.seq = %s",
            [stream, place],
        )
        *event, previous = cursor.fetchone()
    made = seal(Facts.of_row(event), seq=place, previous=previous)
    changed = tamper(
        "UPDATE history_seal SET hash = %s, data_digest = %s WHERE stream = %s AND seq = %s",
        bytes.fromhex(made.hash),
        bytes.fromhex(made.data_digest),
        stream,
        place,
    )
    assert changed == 1


@pytest.mark.parametrize("column", ["hash", "previous", "data_digest"])
def test_a_changed_seal(stream: UUID, tamper: Tamper, column: str) -> None:
    third = numbers(stream)[2]
    tamper(f"UPDATE history_seal SET {column} = sha256('x') WHERE stream = %s AND seq = 3", stream)

    assert finding(verify_stream(stream)) == (Deed.CHANGED, 3, third)


def test_a_removed_seal_leaves_a_gap(stream: UUID, tamper: Tamper) -> None:
    tamper("DELETE FROM history_seal WHERE stream = %s AND seq = 3", stream)

    assert finding(verify_stream(stream)) == (Deed.REMOVED, 3, None)


def test_a_whole_history_removed_is_missed_by_the_count(stream: UUID, tamper: Tamper) -> None:
    history.append(uuid4(), "k", actor="system")
    seal_everything()
    for table in ("history_event", "history_seal", "history_head"):
        tamper(f"DELETE FROM {table} WHERE stream = %s", stream)

    with pytest.raises(StreamNotFound):
        verify_stream(stream)
    assert stream not in streams()
    assert (verify_totals().there, verify_totals().made) == (1, 7)


def test_a_history_of_which_only_the_head_is_left_is_still_named(stream: UUID, tamper: Tamper) -> None:
    for table in ("history_event", "history_seal"):
        tamper(f"DELETE FROM {table} WHERE stream = %s", stream)

    assert streams() == [stream]
    assert finding(verify_stream(stream)) == (Deed.TRUNCATED, 1, None)
