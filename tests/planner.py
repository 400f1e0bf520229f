"""What the server's planner believes of the product's tables, said by the test.

Autovacuum looks when it likes, and what it noted of an earlier test's rows outlives them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

_PRODUCTS = "c.relname LIKE 'projects_%' AND c.relkind = 'r'"
_LARGE = 10_000_000
"""Rows for each page that a table has now."""


def knows_nothing(cursor: CursorWrapper) -> None:
    """As of tables that nobody has looked at yet."""
    _forget(cursor)
    cursor.execute(f"UPDATE pg_class c SET reltuples = -1, relpages = 0 WHERE {_PRODUCTS}")


@contextmanager
def large_tables() -> Iterator[CursorWrapper]:
    """As of large tables, until the block is left."""
    with transaction.atomic(), connection.cursor() as cursor:
        _forget(cursor)
        cursor.execute(f"UPDATE pg_class c SET reltuples = {_LARGE}, relpages = 1 WHERE {_PRODUCTS}")
        yield cursor
        transaction.set_rollback(True)


def _forget(cursor: CursorWrapper) -> None:
    cursor.execute(f"DELETE FROM pg_statistic USING pg_class c WHERE starelid = c.oid AND {_PRODUCTS}")
