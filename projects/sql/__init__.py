"""The statements of the hot path, by name, and the one function that runs them.

The engine's speed is the number of statements and commits a step costs, so claiming and committing are one statement
each, with their events and attempts, instead of several through the ORM. Each block of a ``.sql`` file begins with
``-- name:``; parameters are psycopg's ``%(name)s``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db import connection

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*\n", re.MULTILINE)


@functools.cache
def statement(name: str) -> str:
    """The text of a statement. Raises ``KeyError`` where there is none of that name."""
    return _statements()[name]


@functools.cache
def _statements() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for path in sorted(Path(__file__).parent.glob("*.sql")):
        parts = _NAME.split(path.read_text(encoding="utf-8"))
        found |= {name: _COMMENT.sub("", body).strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}
    return found


def rows(name: str, /, **params: Any) -> list[dict[str, Any]]:
    """Run a statement and give its rows, each under its column names."""
    with connection.cursor() as cursor:
        cursor.execute(statement(name), params)
        columns = [column.name for column in cursor.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def execute(name: str, /, **params: Any) -> int:
    """Run a statement that gives no rows; how many rows it changed."""
    with connection.cursor() as cursor:
        cursor.execute(statement(name), params)
        return int(cursor.rowcount)
