"""Tables of suppliers as companies might have them, made from a seed; some rows are bad on purpose.

    python -m tests.unit.emissions.making_suppliers 200 docs/examples/suppliers.csv --seed 7 --bad 0.03

A name that ends in ``.parquet`` gives Parquet. The companies are made up.
"""

from __future__ import annotations

import argparse
import csv
import io
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HEADER = (
    "supplier_id", "supplier_name", "category", "activity", "amount", "unit", "spend", "currency", "naics", "country",
    "supplier_factor", "supplier_factor_unit",
)  # fmt: skip
_COUNTRIES = ("DE", "DE", "DE", "GB", "FR", "PL", "US", "US", "CN", "IN", "NL", "ES")
_NAMES = (
    "Alder",
    "Birch",
    "Cedar",
    "Dunlin",
    "Ember",
    "Fjord",
    "Granite",
    "Harbour",
    "Iris",
    "Juniper",
    "Kestrel",
    "Lark",
)
_KINDS = (
    "Metals",
    "Logistics",
    "Packaging",
    "Foods",
    "Systems",
    "Textiles",
    "Energy",
    "Services",
    "Chemicals",
    "Works",
)
_FORMS = {"DE": "GmbH", "GB": "Ltd", "FR": "SARL", "PL": "Sp. z o.o.", "US": "Inc.", "NL": "B.V.", "ES": "S.L."}
_ACTIVITIES = (
    ("1", "steel", "kg", 4.0), ("1", "aluminium", "kg", 3.2), ("1", "plastics", "t", 1.0), ("1", "paper", "kg", 3.0),
    ("2", "it equipment", "kg", 2.2), ("3", "electricity upstream", "kWh", 4.3), ("4", "road freight", "tkm", 4.6),
    ("4", "sea freight", "tkm", 5.6), ("9", "rail freight", "tkm", 5.0), ("5", "waste to landfill", "t", 1.3),
    ("6", "short-haul flight", "pkm", 4.2), ("6", "hotel", "night", 1.8), ("8", "electricity", "kWh", 4.8),
    ("7", "bus", "pkm", 4.0),
)  # fmt: skip
_INDUSTRIES = (
    ("1", "331110"), ("1", "325211"), ("1", "322211"), ("1", "334413"), ("1", "541511"),
    ("1", "541611"), ("1", "541110"),
    ("2", "333517"), ("2", "336111"), ("4", "484121"), ("4", "492110"), ("5", "562111"),
    ("6", "721110"), ("1", "561720"),
)  # fmt: skip
_CURRENCIES = ("EUR", "EUR", "USD", "GBP", "CHF", "SEK", "JPY")
Row = dict[str, str]


def suppliers(count: int, seed: int, bad: float) -> list[Row]:
    """``count`` rows, of which about the share ``bad`` cannot be calculated."""
    rng = random.Random(seed)
    rows: list[Row] = []
    for number in range(1, count + 1):
        row = _row(rng, number)
        if rng.random() < bad:
            row = rng.choice(_SPOILERS)(rng, row, rows)
        rows.append(row)
    return rows


def _row(rng: random.Random, number: int) -> Row:
    country = rng.choice(_COUNTRIES)
    row = dict.fromkeys(HEADER, "")
    row |= {
        "supplier_id": f"S{number:06d}",
        "supplier_name": f"{rng.choice(_NAMES)} {rng.choice(_KINDS)} {_FORMS.get(country, 'Co.')}",
        "country": country,
    }
    kind = rng.random()
    if kind < 0.55:
        category, activity, unit, size = rng.choice(_ACTIVITIES)
        amount = f"{rng.lognormvariate(size * 2.3, 0.9):.2f}"
        row |= {"category": category, "activity": activity, "amount": amount, "unit": unit}
        if kind < 0.06 and unit in ("kg", "t"):
            row |= {"supplier_factor": f"{rng.uniform(0.4, 6):.3f}", "supplier_factor_unit": "kg CO2e/kg"}
    if kind >= 0.45:
        category, naics = rng.choice(_INDUSTRIES)
        row |= {"spend": f"{rng.lognormvariate(10, 1.2):.2f}", "currency": rng.choice(_CURRENCIES), "naics": naics}
        row["category"] = row["category"] or category
    return row


def _changed(**cells: str) -> Callable[[random.Random, Row, list[Row]], Row]:
    return lambda _rng, row, _rows: row | cells


_NO_SPEND = {"spend": "", "currency": "", "naics": ""}
_SPOILERS: tuple[Callable[[random.Random, Row, list[Row]], Row], ...] = (
    _changed(supplier_id=""),
    _changed(category="17"),
    _changed(activity="steel", amount="-12.5", unit="kg"),
    _changed(activity="steel", amount="many", unit="kg", supplier_factor="", **_NO_SPEND),
    _changed(activity="steel", amount="12", unit="bushel", supplier_factor="", **_NO_SPEND),
    _changed(activity="steel", amount="12", unit="km", supplier_factor="", **_NO_SPEND),
    _changed(activity="unobtainium", amount="12", unit="kg", supplier_factor="", **_NO_SPEND),
    _changed(activity="", amount="", unit="", spend="100", currency="XYZ", naics="331110", supplier_factor=""),
    _changed(activity="", amount="", unit="", supplier_factor="", **_NO_SPEND),
    lambda rng, row, rows: dict(rng.choice(rows)) if rows else row | {"category": "0"},
)


def as_csv(rows: list[Row], *, delimiter: str = ",", comma: bool = False) -> bytes:
    """The rows as CSV in UTF-8; ``comma`` writes decimal commas."""
    told = io.StringIO(newline="")
    writer = csv.DictWriter(told, HEADER, delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    numeric = ("amount", "spend", "supplier_factor")
    writer.writerows(row | {name: row[name].replace(".", ",") for name in numeric} if comma else row for row in rows)
    return told.getvalue().encode()


def as_parquet(rows: list[Row], *, group: int = 20_000) -> bytes:
    """The rows as Parquet, all columns texts, in row groups."""
    table = pa.table({name: pa.array([row[name] or None for row in rows], pa.string()) for name in HEADER})
    out = io.BytesIO()
    pq.write_table(table, out, row_group_size=group)
    return out.getvalue()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make a table of suppliers.")
    parser.add_argument("count", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bad", type=float, default=0.01, help="share of bad rows, from 0 to 1")
    given = parser.parse_args()
    rows = suppliers(given.count, given.seed, given.bad)
    given.file.write_bytes(as_parquet(rows) if given.file.suffix == ".parquet" else as_csv(rows))


if __name__ == "__main__":
    main()
