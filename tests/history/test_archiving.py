"""A history goes to a file that is verified, and its events leave by one door; whatever was done to it is named."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import IntegrityError

from orchestrator_site.history import archiving
from orchestrator_site.history import services as history
from orchestrator_site.history.archives import Archive, archives_of
from orchestrator_site.history.archiving import Standing, archive, check_files
from orchestrator_site.history.chain import Facts, seal
from orchestrator_site.history.errors import ExportUnreadable, NotArchivable
from orchestrator_site.history.exporting import export_lines
from orchestrator_site.history.models import Event, Head, Seal
from orchestrator_site.history.sealing import seal_all
from orchestrator_site.history.verifying import verify_export, verify_stream, verify_totals

pytestmark = pytest.mark.django_db(transaction=True)


def put_away(stream: UUID, folder: Path) -> Archive:
    return archive(stream, folder=folder, actor="user:olga")


def later(stream: UUID, *kinds: str) -> None:
    for kind in kinds:
        history.append(stream, kind, actor="system")
    seal_all()


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines()


def verify(*arguments: object) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("verify_history", *map(str, arguments), stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


# --- archiving ---------------------------------------------------------------------------------------------------


def test_the_events_go_to_a_file_and_the_head_stays(stream: UUID, tmp_path: Path) -> None:
    head = bytes(Head.objects.get(stream=stream).hash).hex()
    before = list(export_lines(stream))[1:]
    made = put_away(stream, tmp_path)

    assert (made.first, made.last, made.events, made.hash, made.actor) == (1, 6, 6, head, "user:olga")
    assert lines_of(tmp_path / made.file)[1:] == before
    assert [path.name for path in tmp_path.iterdir()] == [made.file], "nothing half written is left"
    assert not Event.objects.filter(stream=stream).exists()
    assert not Seal.objects.filter(stream=stream).exists()
    assert bytes(Head.objects.get(stream=stream).hash).hex() == head


def test_it_still_verifies_by_its_head_and_its_file(stream: UUID, tmp_path: Path) -> None:
    put_away(stream, tmp_path)
    found = verify_stream(stream)

    assert (found.ok, found.archived, found.sealed, found.unsealed) == (True, 6, 0, 0)
    assert [each.standing for each in check_files(stream, tmp_path)] == [Standing.INTACT]
    assert verify_totals().ok
    assert (verify_totals().there, verify_totals().archived) == (0, 6)


def test_the_chain_goes_on_behind_what_is_archived_and_can_be_archived_again(stream: UUID, tmp_path: Path) -> None:
    first = put_away(stream, tmp_path)
    later(stream, "project.cleaned_up", "project.seen")
    found = verify_stream(stream)
    assert (found.ok, found.archived, found.sealed) == (True, 6, 2)

    second = put_away(stream, tmp_path)
    assert (second.first, second.last, second.previous) == (7, 8, first.hash)
    later(stream, "third")
    assert archives_of(stream) == (first, second)
    assert verify_stream(stream).ok
    assert [each.standing for each in check_files(stream, tmp_path)] == [Standing.INTACT] * 2
    assert verify_totals().ok


def test_an_export_says_behind_which_link_it_goes_on(stream: UUID, tmp_path: Path) -> None:
    made = put_away(stream, tmp_path)
    later(stream, "later")
    lines = list(export_lines(stream))

    assert json.loads(lines[0])["after"] == {"seq": 6, "hash": made.hash}
    found = verify_export(lines)
    assert (found.ok, found.archived, found.sealed) == (True, 6, 1)
    assert not verify_export([lines[0].replace('"seq": 6', '"seq": 5'), *lines[1:]]).ok


def test_what_was_tampered_with_is_not_archived(stream: UUID, tmp_path: Path, tamper: Callable[..., int]) -> None:
    tamper("UPDATE history_event SET actor = 'user:mallory' WHERE stream = %s", stream)

    with pytest.raises(NotArchivable, match="tampered"):
        put_away(stream, tmp_path)
    assert Event.objects.filter(stream=stream).count() == 6
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_sealed_to_its_end_is_not_archived(stream: UUID, tmp_path: Path) -> None:
    history.append(stream, "later", actor="system")

    with pytest.raises(NotArchivable, match="not sealed"):
        put_away(stream, tmp_path)
    assert Event.objects.filter(stream=stream).count() == 7


def test_there_is_nothing_to_archive_twice(stream: UUID, tmp_path: Path) -> None:
    put_away(stream, tmp_path)
    with pytest.raises(NotArchivable, match="no event"):
        put_away(stream, tmp_path)


def test_a_folder_that_cannot_be_written_leaves_everything_as_it_is(stream: UUID, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")

    with pytest.raises(NotArchivable, match="cannot be written"):
        put_away(stream, tmp_path / "taken" / "deeper")
    assert Event.objects.filter(stream=stream).count() == 6


def test_a_file_that_does_not_read_back_as_written_leaves_everything_as_it_is(
    stream: UUID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that loses the last line."""
    lines = list(export_lines(stream))
    monkeypatch.setattr(archiving, "export_lines", lambda _: iter(lines[:-1]))

    with pytest.raises(NotArchivable, match="could not be verified"):
        put_away(stream, tmp_path)
    assert Event.objects.filter(stream=stream).count() == 6
    assert list(tmp_path.iterdir()) == []


def test_what_is_appended_while_it_is_archived_stops_it(
    stream: UUID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other_connection: BaseDatabaseWrapper
) -> None:
    written = archiving._write

    def and_meanwhile(*arguments: Any) -> Any:
        with other_connection.cursor() as cursor:
            cursor.execute("INSERT INTO history_event (stream, kind, actor) VALUES (%s, 'k', 'a')", [stream])
        return written(*arguments)

    monkeypatch.setattr(archiving, "_write", and_meanwhile)
    with pytest.raises(NotArchivable):
        put_away(stream, tmp_path)
    assert Event.objects.filter(stream=stream).count() == 7
    assert list(tmp_path.iterdir()) == []


def test_of_two_archivers_at_once_one_archives(stream: UUID, tmp_path: Path) -> None:
    barrier, outcomes = threading.Barrier(2), []

    def run() -> None:
        barrier.wait()
        try:
            outcomes.append(put_away(stream, tmp_path).events)
        except NotArchivable:
            outcomes.append(0)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == [0, 6]
    assert [each.standing for each in check_files(stream, tmp_path)] == [Standing.INTACT]


# --- the door ----------------------------------------------------------------------------------------------------

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
    seal_all()
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


# --- tampering ---------------------------------------------------------------------------------------------------


def edited(path: Path, edit: Callable[[list[str]], list[str]]) -> None:
    path.write_text("\n".join(edit(lines_of(path))) + "\n")


def resealed(lines: list[str]) -> list[str]:
    """Made anew by somebody who knows how: every digest, hash and the header come out."""
    header, *rest = (json.loads(line) for line in lines)
    rest[2]["event"]["actor"] = "user:mallory"
    last, made = "0" * 64, []
    for seq, entry in enumerate(rest, 1):
        event = entry["event"]
        row = [event[name] for name in ("id", "stream", "at", "kind", "actor", "subject")]
        link = seal(Facts.of_row([*row, json.dumps(event["data"])]), seq=seq, previous=last)
        names = {"data_digest": link.data_digest, "previous": link.previous, "hash": link.hash}
        made.append({"seal": entry["seal"] | names, "event": event})
        last = link.hash
    header["head"]["hash"] = last
    return [json.dumps(each) for each in (header, *made)]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda lines: [line.replace("worker:3", "worker:9") for line in lines], "at place 4 was changed"),
        (lambda lines: [*lines[:3], *lines[4:]], "place 3 was removed"),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], "at place 2 was put in"),
        (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], "at place 2 was moved"),
        (lambda lines: lines[:-1], "The end of the history was cut off"),
        (lambda lines: ["{}", *lines[1:]], "is no export any more"),
        (resealed, "holds another history, or was made anew"),
        (
            lambda lines: [lines[0].replace('"events": 6', '"events":  6'), *lines[1:]],
            "are not those that were written",
        ),
    ],
    ids=["changed", "removed", "put in", "moved", "cut off", "no export", "made anew", "other bytes"],
)
def test_what_was_done_to_the_file_is_named(
    stream: UUID, tmp_path: Path, edit: Callable[[list[str]], list[str]], said: str
) -> None:
    edited(tmp_path / put_away(stream, tmp_path).file, edit)

    status, told = verify(stream, "--archives", tmp_path)
    assert (status, "TAMPERED" in told) == (1, True)
    assert said in told


def test_the_file_of_another_history_is_not_this_ones(stream: UUID, tmp_path: Path) -> None:
    other = uuid4()
    later(other, "k")
    mine, theirs = put_away(stream, tmp_path), put_away(other, tmp_path)
    (tmp_path / mine.file).write_bytes((tmp_path / theirs.file).read_bytes())

    assert verify(stream, "--archives", tmp_path)[0] == 1
    assert verify(other, "--archives", tmp_path)[0] == 0


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM history_archive WHERE stream = %s",
        "UPDATE history_archive SET hash = decode(repeat('ab', 32), 'hex') WHERE stream = %s",
        "UPDATE history_archive SET last_seq = 5 WHERE stream = %s",
        "UPDATE history_head SET seq = 9 WHERE stream = %s",
        "DELETE FROM history_head WHERE stream = %s",
    ],
)
def test_what_was_done_to_the_note_of_an_archive_is_named(
    stream: UUID, tmp_path: Path, tamper: Callable[..., int], statement: str
) -> None:
    put_away(stream, tmp_path)
    tamper(statement, stream)

    assert not verify_stream(stream).ok


def test_a_note_of_another_file_is_named(stream: UUID, tmp_path: Path, tamper: Callable[..., int]) -> None:
    put_away(stream, tmp_path)
    tamper("UPDATE history_archive SET file_sha256 = decode(repeat('ab', 32), 'hex') WHERE stream = %s", stream)

    assert verify(stream, "--archives", tmp_path)[0] == 1


def test_what_is_changed_behind_an_archive_is_named(stream: UUID, tmp_path: Path, tamper: Callable[..., int]) -> None:
    put_away(stream, tmp_path)
    later(stream, "a", "b", "c")
    tamper("UPDATE history_event SET actor = 'user:mallory' WHERE stream = %s AND kind = 'b'", stream)

    found = verify_stream(stream)
    assert found.fault is not None
    assert (found.fault.kind, found.fault.seq) == ("changed", 8)


def test_the_first_event_behind_an_archive_removed_is_named(
    stream: UUID, tmp_path: Path, tamper: Callable[..., int]
) -> None:
    put_away(stream, tmp_path)
    later(stream, "a", "b")
    tamper("DELETE FROM history_event WHERE stream = %s AND kind = 'a'", stream)
    tamper("DELETE FROM history_seal WHERE stream = %s AND seq = 7", stream)

    found = verify_stream(stream)
    assert found.fault is not None
    assert (found.fault.kind, found.fault.seq) == ("removed", 7)


def test_what_was_archived_cannot_be_put_back_unseen(stream: UUID, tmp_path: Path, tamper: Callable[..., int]) -> None:
    seals = list(Seal.objects.filter(stream=stream).values_list())
    put_away(stream, tmp_path)
    for row in seals[:1]:
        tamper("INSERT INTO history_seal VALUES (%s, %s, %s, %s, %s, %s)", *row)

    found = verify_stream(stream)
    assert found.fault is not None
    assert found.fault.kind == "inserted"


# --- the command -------------------------------------------------------------------------------------------------


def test_verifying_says_when_what_and_where_to(stream: UUID, tmp_path: Path) -> None:
    made = put_away(stream, tmp_path)
    status, said = verify(stream)

    assert status == 0
    assert f"archived, 6 events, head {made.hash}" in said
    assert f"Archived on {made.at:%Y-%m-%d} by user:olga: 6 events" in said
    assert f"file {made.file}, sha256 {made.sha256}" in said
    assert f"verify_history --file {made.file}" in said
    assert verify("--file", tmp_path / made.file)[0] == 0


def test_the_file_is_checked_where_it_is(stream: UUID, tmp_path: Path) -> None:
    put_away(stream, tmp_path)
    status, said = verify(stream, "--archives", tmp_path)

    assert (status, "is that file, and intact" in said) == (0, True)


def test_all_histories_with_their_archives(stream: UUID, tmp_path: Path) -> None:
    other = uuid4()
    later(other, "k")
    file = put_away(stream, tmp_path).file
    status, said = verify("--all", "--archives", tmp_path)

    assert status == 0, said
    assert "2 of 2 histories are intact" in said
    assert "1 of 1 files of archives are here" in said
    assert "All 7 seals that were ever made are there, 6 of them in archives." in said
    edited(tmp_path / file, lambda lines: lines[:-1])
    assert verify("--all", "--archives", tmp_path)[0] == 1
    (tmp_path / file).unlink()
    assert verify("--all", "--archives", tmp_path)[0] == 0


def test_as_json(stream: UUID, tmp_path: Path) -> None:
    made = put_away(stream, tmp_path)
    document = json.loads(verify(stream, "--archives", tmp_path, "--json")[1])

    assert (document["ok"], document["archived"], document["sealed"]) == (True, 6, 0)
    assert [(each["sha256"], each["standing"]) for each in document["archives"]] == [(made.sha256, "intact")]
    edited(tmp_path / made.file, lambda lines: lines[:-1])
    document = json.loads(verify(stream, "--archives", tmp_path, "--json")[1])
    assert (document["ok"], document["archives"][0]["standing"]) == (False, "tampered")


def test_a_hash_that_was_noted_may_be_in_the_file(stream: UUID, tmp_path: Path) -> None:
    third = bytes(Seal.objects.get(stream=stream, seq=3).hash).hex()
    last = bytes(Head.objects.get(stream=stream).hash).hex()
    put_away(stream, tmp_path)
    later(stream, "a")

    assert verify(stream, "--archives", tmp_path, "--head", third)[0] == 0
    assert verify(stream, "--archives", tmp_path, "--head", last)[0] == 0
    assert verify(stream, "--archives", tmp_path, "--head", "ab" * 32)[0] == 1
    with pytest.raises(ExportUnreadable, match="say where"):
        verify(stream, "--archives", tmp_path / "elsewhere", "--head", third)
