"""Cursor pages: a page begins after a row, not after a count, so that deep pages cost as little as the first.

A cursor holds the direction, the name of the ordering, and the values of the row it begins after. Orders end
with a unique column, so that rows with equal values are neither shown twice nor left out.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Field, Model, Q, QuerySet
from django.db.models.constants import LOOKUP_SEP
from rest_framework.request import Request
from rest_framework.utils.urls import remove_query_param, replace_query_param

from orchestrator_site.api.errors import CursorInvalid, ParametersInvalid

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Order:
    """Columns to order by, ``-`` before one that falls; the last is unique."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and the cursors of the pages before and after; None where there is none."""

    rows: list[Any]
    following: str | None
    preceding: str | None


def page_of(rows: QuerySet[Any], order: Order, *, limit: int, cursor: str | None) -> Page:
    """The page of ``rows`` at a cursor, the first without one. Raises ``CursorInvalid``."""
    backwards, values = _read(cursor, order) if cursor else (False, None)
    if values is not None:
        rows = rows.filter(_beyond(rows.model, order.columns, values, backwards=backwards))
    columns = [_turned(column) for column in order.columns] if backwards else list(order.columns)
    found = list(rows.order_by(*columns)[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    if backwards:
        found.reverse()
    has_next, has_previous = (True, more) if backwards else (more, values is not None)
    return Page(
        found,
        _write(order, found[-1], backwards=False) if has_next and found else None,
        _write(order, found[0], backwards=True) if has_previous and found else None,
    )


def links(request: Request, page: Page) -> dict[str, str | None]:
    """The addresses of the pages before and after."""
    here = remove_query_param(request.build_absolute_uri(), "cursor")

    def at(cursor: str | None) -> str | None:
        return None if cursor is None else str(replace_query_param(here, "cursor", cursor))

    return {"next": at(page.following), "previous": at(page.preceding)}


def limit_of(request: Request, *, default: int = DEFAULT_LIMIT, most: int = MAX_LIMIT) -> int:
    """How many rows are asked for. Raises ``ParametersInvalid``."""
    given = request.query_params.get("limit")
    if given is None:
        return default
    if not (given.isascii() and given.isdigit() and 1 <= int(given[:6]) <= most):
        message = f"Give a number from 1 to {most}."
        raise ParametersInvalid(f"limit: {message}", errors=[{"field": "limit", "message": message}])
    return int(given)


class CursorPages:
    """How the pages look in the OpenAPI document, and in answers."""

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The parameters that every list has."""
        return [
            {
                "name": "limit",
                "in": "query",
                "required": False,
                "description": "How many rows a page has at most.",
                "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
            },
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "description": "Where the page begins, out of `next` or `previous` of another page.",
                "schema": {"type": "string"},
            },
        ]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The envelope."""
        link = {"type": ["string", "null"], "format": "uri"}
        following = {
            **link,
            "example": "https://phasegate.example/api/v2/orchestrator/projects?cursor=WzAsImlkIl0",
        }
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": following, "previous": {**link, "example": None}, "results": schema},
        }


def _beyond(model: type[Model], columns: Sequence[str], values: Sequence[Any], *, backwards: bool) -> Q:
    """Rows after the given one: greater in the first column, or equal there and greater in the next."""
    condition, equal = Q(), Q()
    for column, value in zip(columns, values, strict=True):
        name, falls = column.removeprefix("-"), column.startswith("-") != backwards
        typed = _typed(model, name, value)
        condition |= equal & Q(**{f"{name}{LOOKUP_SEP}{'lt' if falls else 'gt'}": typed})
        equal &= Q(**{name: typed})
    return condition


def _typed(model: type[Model], name: str, value: Any) -> Any:
    try:
        str(value).encode()  # half a surrogate pair is no text for the database
        typed = _field(model, name).to_python(value)
    except (ValidationError, FieldDoesNotExist, TypeError, ValueError, OverflowError):
        raise CursorInvalid() from None
    if typed is None or "\0" in str(typed):
        raise CursorInvalid()
    return typed


def _field(model: type[Model], name: str) -> Field[Any, Any]:
    *through, last = name.split(LOOKUP_SEP)
    for step in through:
        related = model._meta.get_field(step).related_model
        assert isinstance(related, type)  # noqa: S101 the orders are ours, and the schema test visits them all
        model = related
    field = model._meta.get_field(last)
    assert isinstance(field, Field)  # noqa: S101
    return field


def _turned(column: str) -> str:
    return column.removeprefix("-") if column.startswith("-") else f"-{column}"


def _write(order: Order, row: Any, *, backwards: bool) -> str:
    values = [_value(row, column.removeprefix("-")) for column in order.columns]
    text = json.dumps([int(backwards), order.name, *values], separators=(",", ":"), default=str)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _value(row: Any, name: str) -> Any:
    for part in name.split(LOOKUP_SEP):
        row = getattr(row, part)
    return row.isoformat() if hasattr(row, "isoformat") else row


def _read(cursor: str, order: Order) -> tuple[bool, list[Any]]:
    try:
        if len(cursor) > 2000:
            raise CursorInvalid()
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        backwards, name, *values = json.loads(text)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise CursorInvalid() from None
    wrong = backwards not in (0, 1) or len(values) != len(order.columns)
    if wrong or name != order.name or any(isinstance(value, list | dict) for value in values):
        raise CursorInvalid()
    return bool(backwards), values
