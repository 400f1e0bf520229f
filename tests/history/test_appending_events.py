"""Events are appended, and nothing else can be done to them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import InternalError, NotSupportedError, OperationalError, ProgrammingError

from orchestrator_site import clock
from orchestrator_site.history import services as history
from orchestrator_site.history.errors import EventNotStorable
from orchestrator_site.history.models import Event
from tests.sealing import seal_everything

REFUSALS = (IntegrityError, InternalError, NotSupportedError, OperationalError, ProgrammingError)

pytestmark = pytest.mark.django_db(transaction=True)


def run(sql: str, *parameters: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return cursor.rowcount


def test_an_event_has_its_number_time_and_transaction_from_the_database() -> None:
    mine = uuid4()
    before = clock.now()
    with transaction.atomic():
        first = history.append(mine, "project.created", actor="user:alice")
        second = history.append(mine, "project.started", actor="user:alice", subject="s", data={"a": 1})

    one, two = history.events_of(mine)
    assert (one.id, two.id) == (first, second)
    assert one.at < two.at
    assert before - timedelta(seconds=5) < one.at < clock.now() + timedelta(seconds=5)
    assert one.transaction == two.transaction > 0
    assert (one.subject, one.data, two.subject, two.data) == ("", {}, "s", {"a": 1})


def test_an_insert_that_names_only_what_happened_is_enough() -> None:
    mine = uuid4()
    run("INSERT INTO history_event (stream, kind, actor) VALUES (%s, 'step.started', 'worker:1')", mine)

    assert history.events_of(mine).get().data == {}


def test_many_events_are_numbered_in_the_order_given() -> None:
    mine = uuid4()
    numbers = history.append_many(
        history.NewEvent(mine, "step.added", "system", data={"place": place}) for place in range(500)
    )

    assert numbers == sorted(numbers)
    assert [event.data["place"] for event in history.events_of(mine)] == list(range(500))


def test_an_event_goes_with_the_transaction_that_wrote_it() -> None:
    mine = uuid4()

    def broken_off() -> None:
        with transaction.atomic():
            history.append(mine, "project.created", actor="system")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_off()

    assert not history.events_of(mine).exists()


@pytest.mark.parametrize("table", ["history_event", "history_seal"])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE {} SET stream = stream", "DELETE FROM {}", "TRUNCATE {}", "DELETE FROM {} WHERE false"],
)
def test_the_database_refuses_to_change_or_remove(stream: UUID, table: str, statement: str) -> None:
    with pytest.raises(IntegrityError, match="history is append-only"):
        run(statement.format(table))

    assert history.events_of(stream).count() == 6


def test_the_orm_is_refused_too(stream: UUID) -> None:
    with pytest.raises(IntegrityError, match="append-only"):
        history.events_of(stream).update(actor="nobody")
    with pytest.raises(IntegrityError, match="append-only"):
        Event.objects.filter(stream=stream).first().delete()  # type: ignore[union-attr]


@pytest.mark.parametrize("statement", ["UPDATE history_head SET seq = seq - 1", "DELETE FROM history_head"])
def test_the_record_of_a_chains_length_only_grows(stream: UUID, statement: str) -> None:
    with pytest.raises(IntegrityError, match="append-only"):
        run(statement)


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("at", "now() - interval '1 day'"),
        ("at", "now() + interval '1 day'"),
        ("transaction", "'3'"),
        ("id", "1"),
    ],
)
def test_an_event_cannot_be_written_into_the_past(columns: str, values: str) -> None:
    with pytest.raises(REFUSALS):
        run(
            f"INSERT INTO history_event (stream, kind, actor, {columns}) VALUES (%s, 'k', 'a', {values})",
            uuid4(),
        )


@pytest.mark.parametrize(
    "data",
    [
        {"nan": float("nan")},
        {"zero": "a\x00b"},
        {"half": "\ud800"},
        {"strange": object()},
        {"infinite": float("inf")},
    ],
    ids=lambda data: next(iter(data)),
)
def test_what_json_or_postgresql_cannot_hold_is_refused_before_it_is_sent(data: dict[str, Any]) -> None:
    with pytest.raises(EventNotStorable), transaction.atomic():
        history.append(uuid4(), "agent.said", actor="system", data=data)

    seal_everything()  # the transaction was not poisoned by the refusal


def test_a_backslash_before_u0000_is_a_text_and_no_zero_byte() -> None:
    mine = uuid4()
    history.append(mine, "agent.said", actor="system", data={"text": "\\u0000"})

    assert history.events_of(mine).get().data == {"text": "\\u0000"}


def test_data_may_hold_what_services_hold() -> None:
    mine, now = uuid4(), clock.now()
    history.append(mine, "k", actor="system", data={"id": mine, "cost": Decimal("1.10"), "at": now})

    assert history.events_of(mine).get().data["id"] == str(mine)
    assert history.events_of(mine).get().data["cost"] == "1.10"


@pytest.mark.parametrize("field", ["kind", "actor"])
def test_an_event_says_what_and_who(field: str) -> None:
    said = {"kind": "k", "actor": "a"} | {field: ""}
    with pytest.raises(EventNotStorable, match=field):
        history.append(uuid4(), said["kind"], actor=said["actor"])


def test_events_are_found_by_kind_actor_subject_and_time() -> None:
    mine = uuid4()
    history.append(mine, "step.started", actor="user:alice", subject="a")
    history.append(mine, "step.completed", actor="user:alice key:ab12cd34", subject="b")
    history.append(mine, "steps", actor="user:alicette", subject="a")
    history.append(uuid4(), "step.started", actor="user:alice", subject="a")

    def kinds(**wanted: Any) -> list[str]:
        return list(history.events_of(mine, **wanted).values_list("kind", flat=True))

    assert kinds(kinds=["step."]) == ["step.started", "step.completed"]
    assert kinds(kinds=["steps", "step.completed"]) == ["step.completed", "steps"]
    assert kinds(actor="user:alice") == ["step.started", "step.completed"]
    assert kinds(subject="a") == ["step.started", "steps"]
    middle = history.events_of(mine)[1].at
    assert kinds(since=middle) == ["step.completed", "steps"]
    assert kinds(until=middle) == ["step.started"]


def test_a_history_is_read_in_pages_by_a_cursor(stream: UUID) -> None:
    rows = history.events_of(stream)
    first = list(rows.after(None)[:4])
    rest = list(rows.after(first[-1].id)[:4])

    assert [event.subject for event in first + rest] == [f"step-{number}" for number in range(6)]
    assert [event.subject for event in rows.before(first[-1].id)] == ["step-2", "step-1", "step-0"]
    assert [event.seq for event in rows.following(4)] == [5, 6]  # type: ignore[attr-defined]
