"""Calculating a table in a test, as the agents do, without an engine."""

from __future__ import annotations

from typing import Any

from agents.library.emissions.calculating import calculate
from agents.library.emissions.collecting import duplicates_of, lay_out, repeated
from agents.library.emissions.columns import Figure, figures_of, pack, set_aside_of
from agents.library.emissions.combining import combine
from agents.library.emissions.factors import FactorTable, built_in
from agents.library.emissions.reading import Slice, open_table
from agents.library.emissions.values import SetAside


def chunks_of(
    content: bytes, *, name: str = "s.csv", size: int = 5_000, factors: FactorTable | None = None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The results of all chunks, and how they were laid out."""
    table = open_table(content, name)
    factors = factors or built_in()
    doubles = duplicates_of(repeated([(0, name, table)]), 0)
    parts = lay_out([(0, table)], size)
    results = [
        pack(
            calculate(
                table.read(Slice.from_json(part)),
                part["first"],
                table=factors,
                mark=table.mark,
                defaults=table.header.defaults,
                duplicates=doubles,
            ),
            factors,
            0,
            part["first"],
            part["rows"],
        )
        for part in parts
    ]
    return results, parts


def combined(content: bytes, **options: Any) -> dict[str, Any]:
    """What the chunks come to."""
    return combine(*chunks_of(content, **options))


def figures(content: bytes, **options: Any) -> list[Figure]:
    """All figures."""
    return [figure for chunk in chunks_of(content, **options)[0] for figure in figures_of(chunk)]


def set_aside(content: bytes, **options: Any) -> list[SetAside]:
    """All rows set aside."""
    return [each for chunk in chunks_of(content, **options)[0] for each in set_aside_of(chunk)]
