"""Pages of a long list by the last row seen, so that the thousandth page costs what the first does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class KeysetPage(Generic[M]):
    """Rows, newest first; ``newer`` and ``older`` are ids: the pages beside this one begin there."""

    rows: Sequence[M]
    newer: str = ""
    older: str = ""


def keyset_page(rows: QuerySet[M], *, before: str, after: str, size: int) -> KeysetPage[M]:
    """The rows older than ``before``, or newer than ``after``, or the newest; what is no id is ignored."""
    older_than, newer_than = _id(before), _id(after)
    if newer_than is not None:
        found = list(rows.filter(pk__gt=newer_than).order_by("pk")[: size + 1])
        there_is_more = len(found) > size
        shown = found[:size][::-1]
        return KeysetPage(shown, newer=_first(shown, there_is_more), older=_last(shown, True))
    if older_than is not None:
        rows = rows.filter(pk__lt=older_than)
    found = list(rows.order_by("-pk")[: size + 1])
    shown = found[:size]
    return KeysetPage(shown, newer=_first(shown, older_than is not None), older=_last(shown, len(found) > size))


def _first(rows: Sequence[M], wanted: bool) -> str:
    return str(rows[0].pk) if rows and wanted else ""


def _last(rows: Sequence[M], wanted: bool) -> str:
    return str(rows[-1].pk) if rows and wanted else ""


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
