"""The fifteen categories of Scope 3, and the ways in which tables name them.

Source: GHG Protocol, Corporate Value Chain (Scope 3) Accounting and Reporting Standard, table 5.4.
"""

from __future__ import annotations

import re

CATEGORIES = {
    1: "Purchased goods and services",
    2: "Capital goods",
    3: "Fuel- and energy-related activities",
    4: "Upstream transportation and distribution",
    5: "Waste generated in operations",
    6: "Business travel",
    7: "Employee commuting",
    8: "Upstream leased assets",
    9: "Downstream transportation and distribution",
    10: "Processing of sold products",
    11: "Use of sold products",
    12: "End-of-life treatment of sold products",
    13: "Downstream leased assets",
    14: "Franchises",
    15: "Investments",
}
UPSTREAM = range(1, 9)
"""The categories of what is bought; the others are of what is sold."""

_NUMBER = re.compile(
    r"(?:scope\s*3[\s,:;/-]*)?(?:category|categories|cat|kategorie|c)?[\s.#:-]*(?:3\.)?(?P<number>\d{1,2})(?:\.0+)?(?:\D.*)?"
)
_WHOLE = re.compile(r"(\d{1,2})\.0+")
_BY_NAME = {re.sub(r"[^a-z]+", "", name.casefold()): number for number, name in CATEGORIES.items()} | {
    "purchasedgoods": 1,
    "purchasedservices": 1,
    "goodsandservices": 1,
    "fuelandenergy": 3,
    "upstreamtransport": 4,
    "inboundlogistics": 4,
    "waste": 5,
    "travel": 6,
    "commuting": 7,
    "downstreamtransport": 9,
    "outboundlogistics": 9,
    "endoflife": 12,
    "eingekauftewarenunddienstleistungen": 1,
    "investitionsgueter": 2,
    "geschaeftsreisen": 6,
    "pendeln": 7,
}


def category_of(text: str) -> int | None:
    """The number of a category from its number or name; ``category_of("Cat. 3.4")`` is 4. None where it is none.

    ``3`` is category 3 and ``3.1`` is category 1, as companies write them.
    """
    plain = text.casefold().strip()
    whole = _WHOLE.fullmatch(plain)
    if whole:
        number = int(whole[1])
        return number if number in CATEGORIES else None
    by_name = _BY_NAME.get(re.sub(r"[^a-z]+", "", plain.replace("ü", "ue").replace("ä", "ae")))
    if by_name is not None:
        return by_name
    found = _NUMBER.fullmatch(plain)
    number = int(found["number"]) if found else 0
    return number if number in CATEGORIES else None
