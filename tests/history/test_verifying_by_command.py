"""``verify_history`` says what it found in a sentence and by its exit status."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command

from orchestrator_site.history import services as history
from orchestrator_site.history.errors import ExportUnreadable, StreamAmbiguous, StreamNotFound
from orchestrator_site.history.models import Head
from tests.history.verifying import verify

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_intact_history(stream: UUID) -> None:
    status, said = verify(stream)

    assert status == 0
    assert f"{stream}: intact, 6 events up to " in said


def test_it_seals_first_what_can_be_sealed(stream: UUID) -> None:
    history.append(stream, "later", actor="system")

    assert "intact, 7 events" in verify(stream)[1]


def test_a_history_is_found_by_its_last_digits(stream: UUID) -> None:
    assert verify(str(stream)[-8:])[0] == 0
    with pytest.raises(StreamNotFound):
        verify("abc")


def test_digits_that_fit_several_are_refused() -> None:
    for start in ("aaaaaaaa", "bbbbbbbb"):
        history.append(UUID(f"{start}-0000-4000-8000-00000000cafe"), "k", actor="system")

    with pytest.raises(StreamAmbiguous, match="fits 2"):
        verify("0000cafe")


def test_a_history_that_was_tampered_with(stream: UUID, tamper: Callable[..., int]) -> None:
    third = list(history.events_of(stream))[2].id
    tamper("UPDATE history_event SET actor = 'user:mallory' WHERE id = %s", third)
    status, said = verify(stream)

    assert status == 1
    assert "TAMPERED" in said
    assert f"event {third} at place 3 was changed" in said


def test_all_histories_and_the_count_of_seals(stream: UUID, tamper: Callable[..., int]) -> None:
    history.append(uuid4(), "k", actor="system")
    status, said = verify("--all")
    assert (status, "2 of 2 histories are intact" in said) == (0, True)

    for table in ("history_event", "history_seal", "history_head"):
        tamper(f"DELETE FROM {table} WHERE stream = %s", stream)
    status, said = verify("--all")
    assert status == 1
    assert "6 fewer" in said


@pytest.mark.parametrize("arguments", [[], ["--all"]])
def test_with_json_standard_output_is_one_document(stream: UUID, arguments: list[str]) -> None:
    status, said = verify(*(arguments or [stream]), "--json")
    document = json.loads(said)

    assert status == 0
    assert document["ok"] is True
    one: dict[str, Any] = document["histories"][0] if arguments else document
    assert (one["stream"], one["sealed"], one["unsealed"], one["fault"]) == (str(stream), 6, 0, None)


def test_an_export_is_checked_without_the_database(stream: UUID, tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    call_command("export_history", str(stream), "-o", str(file))
    assert verify("--file", file) == (0, verify(stream)[1])

    file.write_text(file.read_text().replace("worker:3", "worker:9"))
    status, said = verify("--file", file)
    assert (status, "at place 4 was changed" in said) == (1, True)


def test_a_hash_that_was_noted_must_be_in_the_chain(stream: UUID) -> None:
    noted = bytes(Head.objects.get(stream=stream).hash).hex()

    assert verify(stream, "--head", noted)[0] == 0
    assert verify(stream, "--head", "ab" * 32)[0] == 1


def test_an_unknown_history_is_not_found() -> None:
    with pytest.raises(StreamNotFound) as refusal:
        verify(uuid4())
    assert refusal.value.exit_status == 3


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ExportUnreadable) as refusal:
        verify("--file", tmp_path / "none")
    assert refusal.value.exit_status == 2


def test_without_saying_which_it_is_a_mistake_of_usage() -> None:
    with pytest.raises(CommandError):
        verify()


def test_a_noted_hash_is_of_one_history() -> None:
    with pytest.raises(CommandError, match="one history"):
        verify("--all", "--head", "ab" * 32)
