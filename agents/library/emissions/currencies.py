"""Currencies, and what a US dollar of the factors' year was worth in them.

The rates are the yearly averages of the US Internal Revenue Service for 2022, the price year of the spend-based
factors: a spend is divided by its rate. Prices of other years are not deflated.
"""

from __future__ import annotations

import csv
from fractions import Fraction
from functools import cache
from pathlib import Path

FILE = Path(__file__).parent / "factors" / "currencies.csv"

_SIGNS = {
    "€": "EUR",
    "euro": "EUR",
    "euros": "EUR",
    "$": "USD",
    "us$": "USD",
    "usdollar": "USD",
    "£": "GBP",
    "pound": "GBP",
    "fr.": "CHF",
    "sfr": "CHF",
    "a$": "AUD",
    "c$": "CAD",
    "rmb": "CNY",
    "₹": "INR",
    "₩": "KRW",
    "r$": "BRL",
}


@cache
def rates() -> dict[str, Fraction]:
    """Units of a currency for one US dollar, by ISO 4217 code."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return {row["currency"]: Fraction(row["per_usd"]) for row in csv.DictReader(file)}


def currency_of(text: str) -> str | None:
    """The ISO 4217 code of a text; None where it is not known, or may mean more than one, as ``¥`` does."""
    plain = text.strip()
    code = _SIGNS.get(plain.casefold().replace(" ", ""), plain.upper())
    return code if code in rates() else None
