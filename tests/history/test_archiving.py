"""A history goes to a file that is verified before its events leave; where that fails, everything stays as it is."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from orchestrator_site.history import archiving
from orchestrator_site.history import services as history
from orchestrator_site.history.archives import archives_of
from orchestrator_site.history.archiving import Standing, check_files
from orchestrator_site.history.errors import NotArchivable
from orchestrator_site.history.exporting import export_lines
from orchestrator_site.history.models import Event, Head, Seal
from orchestrator_site.history.verifying import verify_export, verify_stream, verify_totals
from tests.history.putting_away import later, lines_of, put_away

pytestmark = pytest.mark.django_db(transaction=True)


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
