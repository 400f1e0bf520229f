"""Before the calculation: what tables there are, how they are cut, and which rows repeat others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agents.library.emissions.calculating import canonical, with_defaults
from agents.library.emissions.errors import TableUnusable
from agents.library.emissions.reading import Table

MOST_ROWS = 500_000
CHUNK_ROWS = 5_000
_READ_AT_ONCE = 20_000


def lay_out(tables: Sequence[tuple[int, Table]], chunk_rows: int) -> list[dict[str, Any]]:
    """The chunks of all tables, each a reference to a slice. Raises ``TableUnusable`` for more rows than a project
    takes."""
    rows = sum(table.rows for _, table in tables)
    if rows > MOST_ROWS:
        raise TableUnusable(
            f"The tables have {rows:,} rows; a project takes {MOST_ROWS:,}. Make several projects of them."
        )
    return [{"document": number, **part.to_json()} for number, table in tables for part in table.slices(chunk_rows)]


def repeated(tables: Sequence[tuple[int, str, Table]]) -> dict[str, dict[str, str]]:
    """The rows that say the same as an earlier one: by document and row, where the first one stands.

    Rows are the same if their cells are, with units as the header gives them; column order and spaces around do not
    matter.
    """
    seen: dict[str, tuple[int, str]] = {}
    found: dict[str, dict[str, str]] = {}
    for number, _, table in tables:
        for part in table.slices(_READ_AT_ONCE):
            rows = table.read(part)
            for place, text in enumerate(canonical(rows, with_defaults(rows, table.header.defaults))):
                earlier = seen.setdefault(text, (number, f"line {rows.lines[place]}"))
                where = f"line {rows.lines[place]}"
                if earlier != (number, where):
                    said = earlier[1] if earlier[0] == number else f"{earlier[1]} of {tables_name(tables, earlier[0])}"
                    found.setdefault(str(number), {})[str(part.first + place)] = said
    return found


def tables_name(tables: Sequence[tuple[int, str, Table]], number: int) -> str:
    """The name of a document."""
    return next((name for each, name, _ in tables if each == number), str(number))


def duplicates_of(told: Mapping[str, Mapping[str, str]], document: int) -> dict[int, str]:
    """Those of one document, by row."""
    return {int(row): where for row, where in told.get(str(document), {}).items()}
