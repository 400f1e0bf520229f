"""The statements of the hot path, by name, and the functions that run them.

The engine's speed is the number of statements and commits a step costs, so claiming and committing are one statement
each, with their events and attempts, instead of several through the ORM. Each block of a ``.sql`` file begins with
``-- name:``, or with ``-- part:`` where others include it; parameters are psycopg's ``%(name)s``. They go by a cursor
of the driver's own, which binds parameters on the server and so prepares each statement once a connection; that halves
what a step costs (Django's cursors put the parameters into the text). Where sessions are pooled away nothing is
prepared (settings).
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from django.db import connection
from django.db.models import JSONField, Model

M = TypeVar("M", bound=Model)

_BLOCK = re.compile(r"^-- (name|part): (\w+)$", re.MULTILINE)
_INCLUDE = re.compile(r"^-- include: (\w+)$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*\n", re.MULTILINE)
_SPACE = re.compile(r"\s+")


@functools.cache
def statement(name: str) -> str:
    """The text of a statement. Raises ``KeyError`` where there is none of that name."""
    return _statements()[name]


@functools.cache
def _statements() -> Mapping[str, str]:
    found: dict[str, dict[str, str]] = {"name": {}, "part": {}}
    for path in sorted(Path(__file__).parent.glob("*.sql")):
        _, *blocks = _BLOCK.split(path.read_text(encoding="utf-8"))
        for sort, name, body in zip(blocks[::3], blocks[1::3], blocks[2::3], strict=True):
            if name in found[sort]:
                raise ValueError(f"There are two of the {sort} {name!r}; the second is in {path.name}.")
            found[sort][name] = body
    return {name: _text(body, found["part"]) for name, body in found["name"].items()}


def _text(body: str, parts: Mapping[str, str]) -> str:
    """Without comments and indentation: the driver remembers how it read a statement only up to a length."""
    whole = _INCLUDE.sub(lambda asked: parts[asked[1]], body)
    return _SPACE.sub(" ", _COMMENT.sub("", whole)).strip().rstrip(";")


@dataclass(frozen=True, slots=True)
class Result:
    """The rows that a statement gave."""

    columns: tuple[str, ...]
    found: Sequence[Sequence[Any]]

    def rows(self) -> list[dict[str, Any]]:
        """Each under its column names; JSON columns as text."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.found]

    def by(self, column: str) -> dict[Any, Result]:
        """Those that share a value of a column, by it."""
        place, parted = self.columns.index(column), dict[Any, list[Sequence[Any]]]()
        for row in self.found:
            parted.setdefault(row[place], []).append(row)
        return {value: Result(self.columns, found) for value, found in parted.items()}

    def instances(self, model: type[M]) -> list[M]:
        """As a model's instances; fields that the statement does not name are deferred."""
        return [instance for instance, _ in self.instances_with(model)]

    def instances_with(self, model: type[M]) -> list[tuple[M, dict[str, Any]]]:
        """The same, each instance with the row's other columns."""
        places, readers, names = _reading(model, self.columns)
        others = [(place, column) for place, column in enumerate(self.columns) if place not in places]
        return [
            (
                model.from_db(
                    "default", names, [_read(row[place], reads) for place, reads in zip(places, readers, strict=True)]
                ),
                {column: row[place] for place, column in others},
            )
            for row in self.found
        ]


def result(name: str, /, **params: Any) -> Result:
    """Run a statement that gives rows."""
    with _cursor() as cursor:
        _run(cursor, name, params)
        return Result(_columns(cursor), cursor.fetchall())


def rows(name: str, /, **params: Any) -> list[dict[str, Any]]:
    """Run a statement and give its rows, each under its column names; JSON columns as text."""
    return result(name, **params).rows()


def instances(model: type[M], name: str, /, **params: Any) -> list[M]:
    """Run a statement with columns of a model, and give its instances; fields that it does not name are deferred."""
    return result(name, **params).instances(model)


def instances_with(model: type[M], name: str, /, **params: Any) -> list[tuple[M, dict[str, Any]]]:
    """The same, each instance with the row's other columns."""
    return result(name, **params).instances_with(model)


def together(*names: str, **params: Any) -> list[Result]:
    """Run statements that give rows one after another by one trip to the server, and give the result of each.

    Each sees what those before it did. They share their parameters. Outside a transaction they are one by themselves.
    """
    connection.ensure_connection()
    driver: Any = connection.connection
    cursors = [psycopg.Cursor(driver) for _ in names]
    try:
        with connection.wrap_database_errors:
            with driver.pipeline():  # what it sends is one transaction, up to its end
                for cursor, name in zip(cursors, names, strict=True):
                    _run(cursor, name, params)
            return [Result(_columns(cursor), cursor.fetchall()) for cursor in cursors]
    finally:
        for cursor in cursors:
            cursor.close()


def execute(name: str, /, **params: Any) -> int:
    """Run a statement that gives no rows; how many rows it changed."""
    with _cursor() as cursor:
        _run(cursor, name, params)
        return int(cursor.rowcount)


def _columns(cursor: psycopg.Cursor[tuple[Any, ...]]) -> tuple[str, ...]:
    """The names of a result's columns. ``cursor.description`` makes an object of each: that costs more than a fetch."""
    result = cursor.pgresult
    if result is None:
        return ()
    return tuple([(result.fname(place) or b"").decode() for place in range(result.nfields)])


@functools.cache
def _reading(model: type[Model], columns: tuple[str, ...]) -> tuple[list[int], list[bool], list[str]]:
    """For the model's fields in its order: where in a row each stands, whether it is JSON, and its name."""
    found = [
        (columns.index(field.column), isinstance(field, JSONField), field.attname)
        for field in model._meta.concrete_fields
        if field.column in columns
    ]
    return [place for place, _, _ in found], [reads for _, reads, _ in found], [name for _, _, name in found]


def _read(value: Any, is_json: bool) -> Any:
    return json.loads(value) if is_json and isinstance(value, str) else value


def _run(cursor: psycopg.Cursor[tuple[Any, ...]], name: str, params: Mapping[str, Any]) -> None:
    text = statement(name)
    if connection.queries_logged:
        connection.queries_log.append({"sql": text, "time": "0"})
    cursor.execute(text, params)


@contextmanager
def _cursor() -> Iterator[psycopg.Cursor[tuple[Any, ...]]]:
    connection.ensure_connection()
    driver: Any = connection.connection
    with connection.wrap_database_errors, psycopg.Cursor(driver) as cursor:
        yield cursor
