"""Looking again, by other ways than the calculation came: do the results fit one another, and do they fit the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.library.emissions import columns
from agents.library.emissions.calculating import Figures, calculate
from agents.library.emissions.collecting import duplicates_of, repeated
from agents.library.emissions.columns import Figure
from agents.library.emissions.factors import FactorTable
from agents.library.emissions.provenance import climb, path_of, root_of
from agents.library.emissions.reading import Slice, Table
from agents.library.emissions.values import SetAside

_MOST_FINDINGS = 20


def contradictions(chunks: Sequence[Mapping[str, Any]], combined: Mapping[str, Any]) -> list[str]:
    """What does not fit in the results as they are kept; nothing where all is well."""
    found = []
    figures = [figure for chunk in chunks for figure in columns.figures_of(chunk)]
    aside = [each for chunk in chunks for each in columns.set_aside_of(chunk)]
    sums = {
        "computed": len(figures),
        "set_aside": len(aside),
        "milligrams": sum(figure.milligrams for figure in figures),
        "rows_in": len(figures) + len(aside),
        "rows_laid_out": len(figures) + len(aside),
        "suppliers": len({figure.supplier for figure in figures}),
    }
    found += [
        f"{name} is {combined[name]} and should be {value}" for name, value in sums.items() if combined[name] != value
    ]
    for name in ("by_category", "by_method", "by_region", "by_quality", "by_factor"):
        parts = combined[name].values()
        if sum(part[0] for part in parts) != sums["milligrams"] or sum(part[1] for part in parts) != len(figures):
            found.append(f"{name} does not add up to the total")
    if sum(combined["reasons"].values()) != len(aside):
        found.append("the reasons do not add up to the rows set aside")
    places = {(figure.document, figure.row) for figure in figures}
    if len(places) != len(figures):
        found.append("a row has more than one figure")
    root = root_of([digest for chunk in chunks for digest in columns.digests_of(chunk)]).hex()
    if root != combined["root"]:
        found.append(f"the root is {combined['root']} and should be {root}")
    return found


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of calculating again: how many rows were, and what differs from what is kept."""

    rows: int
    differences: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether everything is as it was kept."""
        return not self.differences


def recalculate(
    tables: Mapping[int, tuple[str, Table]],
    chunks: Sequence[Mapping[str, Any]],
    laid_out: Sequence[Mapping[str, Any]],
    factors: FactorTable,
    supplier: str | None = None,
) -> Checked:
    """Calculate everything again from the documents, or the rows of one supplier, and compare figure by figure.

    Only chunks that name the supplier are calculated again where one is given.
    """
    doubles = repeated([(number, name, table) for number, (name, table) in sorted(tables.items())])
    differences: list[str] = []
    rows = 0
    for kept, part in zip(chunks, laid_out, strict=True):
        if supplier is not None and not _names(kept, supplier):
            continue
        again = _again(tables, part, factors, doubles)
        compared, differing = _compare(
            kept, columns.pack(again, factors, part["document"], part["first"], part["rows"]), supplier
        )
        rows += compared
        differences += differing
    return Checked(rows, tuple(differences[:_MOST_FINDINGS]))


def _again(
    tables: Mapping[int, tuple[str, Table]],
    part: Mapping[str, Any],
    factors: FactorTable,
    doubles: Mapping[str, Mapping[str, str]],
) -> Figures:
    _, table = tables[part["document"]]
    return calculate(
        table.read(Slice.from_json(part)),
        part["first"],
        table=factors,
        mark=table.mark,
        defaults=table.header.defaults,
        duplicates=duplicates_of(doubles, part["document"]),
    )


def _compare(kept: Mapping[str, Any], again: Mapping[str, Any], supplier: str | None) -> tuple[int, list[str]]:
    mine = {figure.row: figure for figure in columns.figures_of(kept, supplier)}
    fresh = {figure.row: figure for figure in columns.figures_of(again, supplier)}
    aside = {each.row: each for each in columns.set_aside_of(kept) if supplier in (None, each.supplier)}
    fresh_aside = {each.row: each for each in columns.set_aside_of(again) if supplier in (None, each.supplier)}
    differing = [
        f"document {kept['document']}, row {row}: kept {_told(one)}, calculated {_told(other)}"
        for row in sorted({*mine, *fresh, *aside, *fresh_aside})
        if (one := mine.get(row) or aside.get(row)) != (other := fresh.get(row) or fresh_aside.get(row))
    ]
    if supplier is None and columns.digests_of(kept) != columns.digests_of(again) and not differing:
        differing.append(f"document {kept['document']}, rows from {kept['first']}: the digests differ")
    return len(mine) + len(aside), differing


def _told(each: Figure | SetAside | None) -> str:
    if each is None:
        return "nothing"
    if isinstance(each, SetAside):
        return f"set aside ({each.reason.value}), {each.digest[:12]}"
    return f"{each.milligrams} mg by {each.factor_id}, {each.digest[:12]}"


def _names(chunk: Mapping[str, Any], supplier: str) -> bool:
    return (
        supplier in chunk["suppliers"]
        or supplier in chunk["names"]
        or any(each.supplier == supplier for each in columns.set_aside_of(chunk))
    )


def leads_to_root(chunks: Sequence[Mapping[str, Any]], digest: str, root: str) -> list[tuple[str, str]] | None:
    """The path of a figure to the root, in hexadecimal; None where it does not lead there."""
    digests = [each for chunk in chunks for each in columns.digests_of(chunk)]
    figure = bytes.fromhex(digest)
    if figure not in set(digests):
        return None
    path = path_of(digests, figure)
    if climb(figure, path).hex() != root:
        return None
    return [(side, neighbour.hex()) for side, neighbour in path]
