"""The calculation as one would write it first: row by row, with decimals, by dictionaries.

It judges the one by columns, and stands beside it in the benchmark. It reads CSV in one form only: decimal points,
and columns by the names of ``making_suppliers.HEADER``.
"""

from __future__ import annotations

import csv
import io
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation, localcontext

from agents.library.emissions.categories import category_of
from agents.library.emissions.currencies import currency_of, rates
from agents.library.emissions.factors import FactorTable
from agents.library.emissions.headers import COLUMNS
from agents.library.emissions.provenance import SUPPLIERS_OWN, figure_digest, row_digest
from agents.library.emissions.units import unit_of

_NAMES = {"supplier_id": "supplier", "supplier_name": "name", "country": "region"}
_MG = Decimal(1_000_000)


def by_hand(content: bytes, factors: FactorTable) -> tuple[dict[int, int], list[int], list[bytes]]:
    """Milligrams by row from 1, the rows set aside, and the digests of the figures."""
    figures: dict[int, int] = {}
    aside: list[int] = []
    digests: list[bytes] = []
    seen: set[str] = set()
    with localcontext(Context(prec=60)):
        for number, given in enumerate(csv.DictReader(io.StringIO(content.decode(), newline="")), 1):
            row = dict.fromkeys(COLUMNS, "") | {_NAMES.get(name, name): cell.strip() for name, cell in given.items()}
            text = "\x1f".join(row[name] for name in COLUMNS)
            if text in seen:
                aside.append(number)
                continue
            seen.add(text)
            try:
                milligrams, method, place = _figure(row, factors)
                category = category_of(row["category"]) if row["category"] else factors.factors[place].categories[0]
                if category is None or not row["supplier"]:
                    raise ValueError("no such category, or nobody")
            except (ValueError, ArithmeticError):
                aside.append(number)
                continue
            figures[number] = milligrams
            factor = SUPPLIERS_OWN if place < 0 else factors.digests[place]
            digests.append(figure_digest(row_digest(text), factor, method, category, milligrams))
    return figures, aside, digests


def _number(text: str) -> Decimal | None:
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    if value < 0:
        raise ValueError("negative")
    return value


def _figure(row: dict[str, str], factors: FactorTable) -> tuple[int, int, int]:
    amount, spend, own = (_number(row[name]) for name in ("amount", "spend", "supplier_factor"))
    unit = unit_of(row["unit"])
    if own is not None and amount is not None and unit is not None:
        per = unit_of(row["supplier_factor_unit"].partition("/")[2])
        if per is not None and per.dimension == unit.dimension:
            return _whole(amount * _exact(unit.scale) / _exact(per.scale) * own), 1, -1
    place = factors.by_activity(row["activity"], row["region"]) if row["activity"] else None
    if place is not None and amount is not None and unit is not None:
        per = unit_of(factors.factors[place].per)
        if per is not None and per.dimension == unit.dimension:
            kg = amount * _exact(unit.scale) / _exact(per.scale) * Decimal(factors.factors[place].kg_co2e)
            return _whole(kg), 2, place
    place = factors.by_naics(row["naics"])
    code = currency_of(row["currency"])
    if place is None or code is None or spend is None:
        raise ValueError("nothing to calculate")
    return _whole(spend / _exact(rates()[code]) * Decimal(factors.factors[place].kg_co2e)), 3, place


def _exact(fraction: object) -> Decimal:
    numerator, denominator = fraction.as_integer_ratio()  # type: ignore[attr-defined]
    return Decimal(numerator) / Decimal(denominator)


def _whole(kg: Decimal) -> int:
    return int((kg * _MG).to_integral_value(rounding=ROUND_HALF_EVEN))
