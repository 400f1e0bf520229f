"""The calculation of a slice: each row becomes a figure, or is set aside with the reason.

Whole columns at a time: distinct texts and combinations of them are resolved once, numbers are parsed by column, and a
row costs one exact multiplication and two digests. The best data that can be used is used: the supplier's own figures,
then an amount of an activity, then a spend.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agents.library.emissions import resolving
from agents.library.emissions.categories import category_of
from agents.library.emissions.choosing import FINE, Outcome, Way, choose
from agents.library.emissions.currencies import currency_of
from agents.library.emissions.factors import FactorTable
from agents.library.emissions.headers import COLUMNS
from agents.library.emissions.numbers import Numbers, Read, parse
from agents.library.emissions.provenance import (
    BETWEEN,
    SUPPLIERS_OWN,
    figure_digest,
    row_digest,
    row_texts,
    set_aside_digest,
)
from agents.library.emissions.reading import Rows
from agents.library.emissions.resolving import Coded, Resolved, coded, combined
from agents.library.emissions.units import unit_of
from agents.library.emissions.values import Method, Reason, SetAside, quality_of

_CONTROL = r"[\x00-\x08\x0b-\x1f\x7f]"
_SHOWN = 80


@dataclass(slots=True)
class Figures:
    """What came of a slice, by figure: one entry in each list; ``rows`` are numbers in the table, ``factors`` point
    into the table of factors (-1: the supplier's own), ``digests`` have 32 bytes each."""

    rows: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    suppliers: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    regions: list[str] = field(default_factory=list)
    categories: list[int] = field(default_factory=list)
    methods: list[int] = field(default_factory=list)
    factors: list[int] = field(default_factory=list)
    qualities: list[int] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)
    milligrams: list[int] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    set_aside_digests: list[bytes] = field(default_factory=list)


def with_defaults(rows: Rows, defaults: dict[str, str]) -> dict[str, pa.Array]:
    """The columns with the units that the header gives in empty cells; a currency as unit makes the amount a spend."""
    columns = dict(rows.columns)
    for name, text in defaults.items():
        columns[name] = pc.if_else(pc.equal(columns[name], ""), text, columns[name])
    units = coded(columns["unit"])
    money = units.where(lambda text: bool(text) and unit_of(text) is None and currency_of(text) is not None)
    money &= np.asarray(pc.equal(columns["spend"], "").to_numpy(zero_copy_only=False))
    if money.any():
        is_money = pa.array(money)
        columns["spend"] = pc.if_else(is_money, columns["amount"], columns["spend"])
        columns["currency"] = pc.if_else(is_money, columns["unit"], columns["currency"])
        columns["amount"] = pc.if_else(is_money, "", columns["amount"])
        columns["unit"] = pc.if_else(is_money, "", columns["unit"])
    return columns


def canonical(rows: Rows, columns: dict[str, pa.Array]) -> list[str]:
    """The text of each row that its digest is taken of; of one that has no cells, or control characters, in JSON."""
    texts = row_texts(columns)
    for place, text in enumerate(texts):
        if text.count(BETWEEN) != len(COLUMNS) - 1:
            texts[place] = json.dumps([columns[name][place].as_py() for name in COLUMNS])
    for place, raw in rows.broken.items():
        texts[place] = json.dumps(["broken", raw.strip("\n")])
    return texts


def calculate(
    rows: Rows,
    first: int,
    *,
    table: FactorTable,
    mark: str,
    defaults: dict[str, str],
    duplicates: dict[int, str] | None = None,
) -> Figures:
    """The figures of a slice whose first row is number ``first``; ``duplicates`` gives, by row, where the row stands
    that it repeats."""
    columns = with_defaults(rows, defaults)
    digests = [row_digest(text) for text in canonical(rows, columns)]
    outcome = choose(_ways(columns, table, mark), _categories(columns["category"]), table)
    _refuse(outcome, rows, first, columns, duplicates or {})
    found = Figures()
    _add_figures(found, outcome, rows, first, columns, digests, table)
    _add_set_aside(found, outcome, rows, first, columns, digests, duplicates or {})
    return found


def _refuse(outcome: Outcome, rows: Rows, first: int, columns: dict[str, pa.Array], duplicates: dict[int, str]) -> None:
    """What no method could save; a later reason stands before an earlier one."""
    for row in duplicates:
        if first <= row < first + len(rows):
            outcome.refuse(row - first, Reason.DUPLICATE, "supplier")
    for place in np.flatnonzero(pc.equal(columns["supplier"], "").to_numpy(zero_copy_only=False)).tolist():
        outcome.refuse(place, Reason.SUPPLIER_MISSING, "supplier")
    for name in COLUMNS:
        control = pc.match_substring_regex(columns[name], _CONTROL).to_numpy(zero_copy_only=False)
        for place in np.flatnonzero(control).tolist():
            outcome.refuse(place, Reason.CONTROL, name)
    for place in rows.broken:
        outcome.refuse(place, Reason.COLUMNS, "")


def _add_figures(
    found: Figures,
    outcome: Outcome,
    rows: Rows,
    first: int,
    columns: dict[str, pa.Array],
    digests: list[str],
    table: FactorTable,
) -> None:
    places = np.flatnonzero(outcome.troubles == FINE)
    taken = pa.array(places)
    found.rows = (places + first).tolist()
    found.lines = rows.lines[places].tolist()
    found.suppliers = pc.take(columns["supplier"], taken).to_pylist()
    found.names = pc.take(columns["name"], taken).to_pylist()
    found.regions = pc.utf8_upper(pc.take(columns["region"], taken)).to_pylist()
    found.categories = outcome.categories[places].tolist()
    found.methods = outcome.methods[places].tolist()
    found.factors = outcome.factors[places].tolist()
    found.flags = outcome.flags[places].tolist()
    how = list(zip(found.methods, found.flags, strict=True))
    known_qualities = {each: quality_of(Method(each[0]), each[1]) for each in set(how)}
    found.qualities = [known_qualities[each] for each in how]
    found.milligrams = [outcome.milligrams[place] for place in places.tolist()]
    known = [*table.digests, SUPPLIERS_OWN]  # -1, no factor, is the last one
    found.digests = [
        figure_digest(digests[place], known[factor], method, category, milligrams)
        for place, factor, method, category, milligrams in zip(
            places.tolist(), found.factors, found.methods, found.categories, found.milligrams, strict=True
        )
    ]


def _add_set_aside(
    found: Figures,
    outcome: Outcome,
    rows: Rows,
    first: int,
    columns: dict[str, pa.Array],
    digests: list[str],
    duplicates: dict[int, str],
) -> None:
    for place in np.flatnonzero(outcome.troubles != FINE).tolist():
        reason, column = outcome.trouble(place)
        value = rows.broken.get(place, "").strip("\n") or (columns[column][place].as_py() if column else "")
        if reason is Reason.DUPLICATE:
            value = duplicates[first + place]
        supplier = columns["supplier"][place].as_py()[:_SHOWN]
        line = int(rows.lines[place])
        found.set_aside.append(SetAside(first + place, line, supplier, column, reason, value[:_SHOWN], digests[place]))
        found.set_aside_digests.append(set_aside_digest(digests[place], reason.value))


def _ways(columns: dict[str, pa.Array], table: FactorTable, mark: str) -> list[Way]:
    """The methods, best first; a column is parsed once."""
    amount, money = parse(columns["amount"], mark), parse(columns["spend"], mark)
    own, told = parse(columns["supplier_factor"], mark), parse(columns["reported"], mark)
    by_name = {name: coded(columns[name]) for name in COLUMNS if name not in ("supplier", "name")}

    def way(
        method: Method,
        given: NDArray[np.bool_],
        resolve: Callable[..., Resolved],
        names: tuple[str, ...],
        *numbers: tuple[str, Numbers],
    ) -> Way:
        texts, which = combined(*(by_name[name] for name in names))
        return Way(method, given, [resolve(*each) for each in texts], which, numbers)

    def given(numbers: Numbers) -> NDArray[np.bool_]:
        return np.asarray(numbers.read != Read.MISSING)

    def activity(*each: str) -> Resolved:
        return resolving.activity(table, *each)

    def spend(*each: str) -> Resolved:
        return resolving.spend(table, *each)

    is_activity = by_name["activity"].where(bool) | (given(amount) & ~given(own))
    return [
        way(Method.SUPPLIER, given(told), resolving.reported, ("reported_unit",), ("reported", told)),
        way(
            Method.SUPPLIER,
            given(own),
            resolving.suppliers_factor,
            ("unit", "supplier_factor_unit"),
            ("amount", amount),
            ("supplier_factor", own),
        ),
        way(Method.ACTIVITY, is_activity, activity, ("activity", "region", "unit"), ("amount", amount)),
        way(Method.SPEND, given(money), spend, ("naics", "currency"), ("spend", money)),
    ]


def _categories(column: pa.Array) -> NDArray[np.int64]:
    """By row the category, nought where none is given, -1 where it is unknown."""
    texts: Coded = coded(column)
    meant = np.array([-1 if (found := category_of(text) if text else 0) is None else found for text in texts.texts])
    return meant[texts.codes].astype(np.int64)
