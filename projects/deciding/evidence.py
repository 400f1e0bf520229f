"""Evidence laid out on a page: values of any depth, in text, lists and tables, and never as markup."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "list", "table", "pairs", "json"]

MOST_ROWS = 200
MOST_COLUMNS = 8
MOST_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Laid:
    """A value laid out.

    ``text`` is for kinds text and json, ``items`` for list, ``columns`` and ``rows`` for table, ``pairs`` for
    pairs. ``left_out`` counts what is not shown for its length: the page must say so.
    """

    kind: Kind
    text: str = ""
    items: tuple[Laid, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Laid, ...], ...] = ()
    pairs: tuple[tuple[str, Laid], ...] = ()
    left_out: int = 0

    @property
    def is_short(self) -> bool:
        """Whether it fits beside its label."""
        return self.kind == "text" and "\n" not in self.text and len(self.text) <= 120


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One labelled piece of evidence."""

    label: str
    value: Laid


def exhibits(evidence: Sequence[Mapping[str, Any]]) -> tuple[Exhibit, ...]:
    """The evidence of an approval, in its order."""
    return tuple(Exhibit(str(each.get("label", "")), lay_out(each.get("value"))) for each in evidence)


def lay_out(value: Any, depth: int = 0) -> Laid:
    """The value as text, list, table or pairs; below the fourth level as JSON, so that nothing is hidden."""
    if isinstance(value, Mapping) and value:
        return _pairs(value, depth) if depth < MOST_DEPTH else _json(value)
    if isinstance(value, list) and value:
        if depth >= MOST_DEPTH:
            return _json(value)
        return _table(value, depth) or _list(value, depth)
    return Laid("text", text=_in_words(value))


def _in_words(value: Any) -> str:
    match value:
        case None | {} | [] | "":
            return "—"
        case True:
            return "yes"
        case False:
            return "no"
        case str():
            return value
        case _:
            return json.dumps(value, ensure_ascii=False, default=str)


def _pairs(value: Mapping[str, Any], depth: int) -> Laid:
    shown = list(value.items())[:MOST_ROWS]
    return Laid(
        "pairs",
        pairs=tuple((str(key), lay_out(each, depth + 1)) for key, each in shown),
        left_out=len(value) - len(shown),
    )


def _list(value: Sequence[Any], depth: int) -> Laid:
    shown = value[:MOST_ROWS]
    return Laid("list", items=tuple(lay_out(each, depth + 1) for each in shown), left_out=len(value) - len(shown))


def _table(value: Sequence[Any], depth: int) -> Laid | None:
    """Objects with few and mostly the same keys, of plain values, read best as a table."""
    if len(value) < 2 or not all(isinstance(each, Mapping) for each in value):
        return None
    columns = tuple(dict.fromkeys(str(key) for each in value for key in each))
    if len(columns) > MOST_COLUMNS or any(isinstance(cell, (dict, list)) for each in value for cell in each.values()):
        return None
    shown = value[:MOST_ROWS]
    rows = tuple(tuple(lay_out(each.get(column), depth + 1) for column in columns) for each in shown)
    return Laid("table", columns=columns, rows=rows, left_out=len(value) - len(shown))


def _json(value: Any) -> Laid:
    return Laid("json", text=json.dumps(value, ensure_ascii=False, indent=2, default=str))
