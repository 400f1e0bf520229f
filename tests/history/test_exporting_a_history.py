"""An export can be checked by itself, and whatever is done to it is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from orchestrator_site.history import services as history
from orchestrator_site.history.errors import ExportUnreadable, StreamNotFound
from orchestrator_site.history.exporting import export_lines
from orchestrator_site.history.verification import Deed
from orchestrator_site.history.verifying import verify_export, verify_stream
from tests.sealing import seal_everything

pytestmark = pytest.mark.django_db(transaction=True)


def finding(lines: list[str]) -> tuple[Deed | None, int | None]:
    fault = verify_export(lines).fault
    return (fault.kind, fault.seq) if fault else (None, None)


def edited(line: str, change: Callable[[dict[str, Any]], object]) -> str:
    read = json.loads(line)
    change(read)
    return json.dumps(read)


def test_an_export_says_the_same_as_the_database(stream: UUID) -> None:
    history.append(stream, "not.sealed.yet", actor="system")
    lines = list(export_lines(stream))

    assert len(lines) == 1 + 7
    assert verify_export(lines) == verify_stream(stream)
    assert json.loads(lines[0])["head"]["seq"] == 6
    assert json.loads(lines[1])["event"]["data"] == {"number": 0, "share": 0.0}


def test_it_survives_other_white_space_and_another_order_of_keys(stream: UUID) -> None:
    lines = [json.dumps(json.loads(line), sort_keys=True, indent=None) for line in export_lines(stream)]

    assert finding(lines) == (None, None)


def test_line_breaks_of_other_programs_do_not_end_a_line() -> None:
    mine = uuid4()
    history.append(mine, "agent.said", actor="a\u2028b", data={"text": "a\u2028b\u2029c\x85d\ne"})
    seal_everything()
    whole = "\n".join(export_lines(mine))

    assert len(whole.splitlines()) == 2
    assert verify_export(whole.splitlines()).ok


def test_data_too_deep_to_be_read_by_recursion_are_sealed_and_exported() -> None:
    mine = uuid4()
    deep = "[" * 3000 + "]" * 3000
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO history_event (stream, kind, actor, data) VALUES (%s, 'agent.said', 'a', %s)",
            [mine, deep],
        )
    history.append(mine, "after", actor="system")

    assert seal_everything() == 2
    assert verify_stream(mine).ok
    lines = list(export_lines(mine))
    assert finding(lines) == (None, None)
    lines[1] = lines[1].replace("[[", "[[[", 1).replace("]]", "]]]", 1)
    assert finding(lines) == (Deed.CHANGED, 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line["event"].update(actor="user:mallory"),
        lambda line: line["event"].update(kind="approval.approved"),
        lambda line: line["event"].update(at="2020-01-01T00:00:00.000000Z"),
        lambda line: line["event"]["data"].update(number=99),
        lambda line: line["event"].update(stream=str(uuid4())),
        lambda line: line["event"].update(data_text="{}"),
        lambda line: line["seal"].update(hash="0" * 64),
    ],
)
def test_a_changed_line(stream: UUID, change: Callable[[dict[str, Any]], object]) -> None:
    lines = list(export_lines(stream))
    lines[3] = edited(lines[3], change)

    assert finding(lines) == (Deed.CHANGED, 3)


def test_a_removed_line(stream: UUID) -> None:
    lines = list(export_lines(stream))
    del lines[3]

    assert finding(lines) == (Deed.REMOVED, 3)


def test_a_line_put_in(stream: UUID) -> None:
    lines = list(export_lines(stream))
    lines.insert(4, lines[3])

    assert finding(lines) == (Deed.INSERTED, 3)


def test_two_lines_exchanged(stream: UUID) -> None:
    lines = list(export_lines(stream))
    lines[3], lines[5] = lines[5], lines[3]

    assert finding(lines) == (Deed.REORDERED, 3)


def test_two_events_exchanged_below_their_seals(stream: UUID) -> None:
    lines = list(export_lines(stream))
    one, two = json.loads(lines[3]), json.loads(lines[5])
    one["event"], two["event"] = two["event"], one["event"]
    lines[3], lines[5] = json.dumps(one), json.dumps(two)

    assert finding(lines) == (Deed.REORDERED, 3)


def test_the_end_cut_off(stream: UUID) -> None:
    assert finding(list(export_lines(stream))[:-2]) == (Deed.TRUNCATED, 5)


def test_a_line_of_another_history(stream: UUID) -> None:
    other = uuid4()
    history.append(other, "k", actor="system")
    seal_everything()
    lines = list(export_lines(stream))
    lines[1] = list(export_lines(other))[1]

    assert finding(lines) == (Deed.CHANGED, 1)


@pytest.mark.parametrize("first", ["", "not json", "{}", '{"format": "other/1"}', "[1, 2]", "null", "3"])
def test_a_file_that_is_no_export_says_so(first: str) -> None:
    with pytest.raises(ExportUnreadable):
        verify_export([first])


@pytest.mark.parametrize(
    "line", ["not json", "{}", '{"seal": 1, "event": 2}', "[]", '{"seal":{"seq":"x"},"event":null}']
)
def test_a_line_that_is_none_is_named_by_its_number(stream: UUID, line: str) -> None:
    lines = list(export_lines(stream))
    lines[2] = line

    with pytest.raises(ExportUnreadable, match="Line 3"):
        verify_export(lines)


def test_there_is_no_export_of_what_is_not_there() -> None:
    with pytest.raises(StreamNotFound):
        next(export_lines(uuid4()))
