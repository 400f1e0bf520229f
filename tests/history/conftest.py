"""A history of its own for each test, and the means of somebody who owns the database."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from orchestrator_site.history import services as history

TABLES = ("history_event", "history_seal", "history_head", "history_position", "history_archive")
Run = Callable[..., int]


@contextlib.contextmanager
def as_owner() -> Iterator[Run]:
    """What the owner of the tables can do and nobody else: switch the triggers off."""

    def run(sql: str, *parameters: object) -> int:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return cursor.rowcount

    for table in TABLES:
        run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    try:
        yield run
    finally:
        for table in TABLES:
            run(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@pytest.fixture
def tamper(_django_db_helper: None) -> Callable[..., int]:
    """One statement as the owner, with the triggers off; how many rows it changed."""

    def do(sql: str, *parameters: object) -> int:
        with as_owner() as run:
            return run(sql, *parameters)

    return do


@pytest.fixture
def _django_db_helper(request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """What the mark ``django_db`` does, here: commit for good, and begin and end with an empty history.

    A flush takes half a second a test and leaves history alone, as it is append-only; these tests touch no other
    table.
    """
    if request.node.get_closest_marker("django_db") is None:
        yield
        return
    with django_db_blocker.unblock():
        _empty()
        yield
        _empty()


def _empty() -> None:
    assert connection.settings_dict["NAME"].startswith("test_"), "this is for a database of tests alone"
    with as_owner() as run:
        run(f"TRUNCATE {', '.join(TABLES)}")
        run("INSERT INTO history_position (cluster, transaction, event, sealed) VALUES (0, '0', 0, 0)")


@pytest.fixture
def other_connection(_django_db_helper: None) -> Iterator[BaseDatabaseWrapper]:
    """A second connection to the same database."""
    other = connection.copy("other")
    yield other
    other.close()


@pytest.fixture
def stream(_django_db_helper: None) -> UUID:
    """A stream with six sealed events."""
    from tests.sealing import seal_everything

    made = uuid4()
    for number in range(6):
        history.append(
            made,
            "step.completed" if number % 2 else "step.started",
            actor=f"worker:{number}",
            subject=f"step-{number}",
            data={"number": number, "share": 0.1 * number},
        )
    assert seal_everything() == 6
    return made
