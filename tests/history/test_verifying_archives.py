"""An archived history is verified by its note and its file; whatever was done to either is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from orchestrator_site.history.chain import Facts, seal
from orchestrator_site.history.errors import ExportUnreadable
from orchestrator_site.history.models import Head, Seal
from orchestrator_site.history.verifying import verify_stream
from tests.history.putting_away import later, lines_of, put_away
from tests.history.verifying import verify

pytestmark = pytest.mark.django_db(transaction=True)


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
    assert (
        status,
        told.lstrip().startswith(f"{stream}: TAMPERED. The file of its archive is not what was written."),
    ) == (1, True)
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
