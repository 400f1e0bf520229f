"""Emission factors: reading them from a file with a schema, and finding the one for a row.

A file of factors is a CSV in UTF-8 with a header. Columns: ``factor_id`` (unique), ``kind`` (``activity`` or
``spend``), ``activity`` (the key that rows name; of ``activity`` factors), ``aliases`` (other names, ``|`` between),
``naics`` (of ``spend`` factors), ``name``, ``kg_co2e`` (a decimal, not negative), ``per`` (a unit, or ``USD``),
``categories`` (numbers, blanks between; the first is the usual one), ``region`` (ISO 3166 alpha-2, ``EU`` or ``GLO``),
``year``, ``source``, ``licence``; ``found_in`` and ``note`` may be empty or missing.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path

from agents.library.emissions.categories import CATEGORIES
from agents.library.emissions.errors import FactorsUnusable
from agents.library.emissions.units import unit_of
from agents.library.emissions.values import VERSION

FILE = Path(__file__).parent / "factors" / "factors.csv"
NEEDED = (
    "factor_id", "kind", "activity", "naics", "name", "kg_co2e", "per", "categories", "region", "year", "source",
    "licence",
)  # fmt: skip
EVERYWHERE = "GLO"
MOST = 20_000


@dataclass(frozen=True, slots=True)
class Factor:
    """Kilograms of CO2e for one of ``per``; ``kg_co2e`` as it was published, as text."""

    factor_id: str
    kind: str
    activity: str
    naics: str
    name: str
    kg_co2e: str
    per: str
    categories: tuple[int, ...]
    region: str
    year: int
    source: str
    licence: str
    aliases: tuple[str, ...] = ()
    found_in: str = ""
    note: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of all that the factor says but where it was found and its aliases."""
        told = [str(each) for each in astuple(self)[:12]]
        return hashlib.sha256("\x1f".join([VERSION, "factor", *told]).encode()).hexdigest()

    def to_json(self) -> dict[str, object]:
        """For reports and results."""
        return {
            "factor_id": self.factor_id,
            "name": self.name,
            "kg_co2e": self.kg_co2e,
            "per": self.per,
            "region": self.region,
            "year": self.year,
            "source": self.source,
            "licence": self.licence,
            "note": self.note,
            "digest": self.digest,
        }


def read_factors(content: bytes, name: str) -> tuple[Factor, ...]:
    """The factors of a file. Raises ``FactorsUnusable``, with the line and the column."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FactorsUnusable(f"{name} is no text in UTF-8 (byte {error.start}). Save it again as UTF-8.") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if missing := [column for column in NEEDED if column not in (reader.fieldnames or ())]:
        raise FactorsUnusable(f"{name} lacks the columns {', '.join(missing)}. It needs {', '.join(NEEDED)}.")
    found: dict[str, Factor] = {}
    for row in reader:
        factor = _factor(row, f"{name}:{reader.line_num}")
        if factor.factor_id in found:
            raise FactorsUnusable(f"{name}:{reader.line_num}: factor_id {factor.factor_id!r} stands there twice.")
        found[factor.factor_id] = factor
        if len(found) > MOST:
            raise FactorsUnusable(f"{name} has more than {MOST:,} factors.")
    if not found:
        raise FactorsUnusable(f"{name} has no factors.")
    return tuple(found.values())


def _factor(row: Mapping[str, str | None], where: str) -> Factor:
    told = {key: (value or "").strip() for key, value in row.items() if isinstance(key, str)}

    def refuse(column: str, why: str) -> FactorsUnusable:
        return FactorsUnusable(f"{where}: {column} {told[column]!r} {why}.")

    kind = told["kind"]
    if kind not in ("activity", "spend"):
        raise refuse("kind", "must be activity or spend")
    for column in ("factor_id", "name", "source", "licence", "activity" if kind == "activity" else "naics"):
        if not told[column]:
            raise refuse(column, "must say something")
    try:
        kg = Fraction(told["kg_co2e"])
    except (ValueError, ZeroDivisionError):
        raise refuse("kg_co2e", "must be a decimal such as 0.10163") from None
    if kg < 0 or "/" in told["kg_co2e"] or len(told["kg_co2e"]) > 40:
        raise refuse("kg_co2e", "must be a decimal that is not negative")
    unit = unit_of(told["per"])
    if (told["per"] != "USD") if kind == "spend" else (unit is None or unit.dimension == "emissions"):
        raise refuse("per", "must be USD" if kind == "spend" else "must be a known unit, such as t, tkm or kWh")
    numbers = told["categories"].split()
    if not numbers or any(not number.isdigit() or int(number) not in CATEGORIES for number in numbers):
        raise refuse("categories", "must be numbers from 1 to 15 with blanks between")
    if not told["year"].isdigit() or not 1900 <= int(told["year"]) <= 2200:
        raise refuse("year", "must be a year")
    region = told["region"].upper()
    if not (region == EVERYWHERE or (len(region) == 2 and region.isalpha())):
        raise refuse("region", "must be a country of two letters, EU or GLO")
    return Factor(
        factor_id=told["factor_id"],
        kind=kind,
        activity=told["activity"],
        naics=told["naics"],
        name=told["name"],
        kg_co2e=told["kg_co2e"],
        per=told["per"],
        categories=tuple(int(number) for number in numbers),
        region=region,
        year=int(told["year"]),
        source=told["source"],
        licence=told["licence"],
        aliases=tuple(each.strip() for each in told.get("aliases", "").split("|") if each.strip()),
        found_in=told.get("found_in", ""),
        note=told.get("note", ""),
    )


class FactorTable:
    """Factors by what rows name; ``factors`` in a fixed order, so that a number can stand for one."""

    def __init__(self, factors: Iterable[Factor]) -> None:
        self.factors = tuple(sorted(factors, key=lambda factor: factor.factor_id))
        self._places = {factor.factor_id: place for place, factor in enumerate(self.factors)}
        self._activities: dict[str, dict[str, int]] = {}
        self._naics: dict[str, int] = {}
        for place, factor in enumerate(self.factors):
            if factor.kind == "spend":
                self._naics.setdefault(factor.naics, place)
                continue
            for name in (factor.factor_id, factor.activity, *factor.aliases):
                self._activities.setdefault(_plain(name), {}).setdefault(factor.region, place)

    @cached_property
    def digests(self) -> list[str]:
        """The digests of all factors, in their order."""
        return [factor.digest for factor in self.factors]

    @property
    def digest(self) -> str:
        """SHA-256 of the digests of all factors, in their order."""
        return hashlib.sha256("\x1f".join(self.digests).encode()).hexdigest()

    def place(self, factor_id: str) -> int:
        """The number of a factor. Raises ``KeyError``."""
        return self._places[factor_id]

    def by_activity(self, name: str, region: str) -> int | None:
        """The factor of an activity for a region: its own, the world's, or the first there is; None if none knows it.

        In the European Union the Union's own stands before the world's.
        """
        known = self._activities.get(_plain(name))
        if known is None:
            return None
        wanted = [region, *(["EU"] if region in EUROPEAN_UNION else []), EVERYWHERE]
        return next((known[each] for each in wanted if each in known), next(iter(known.values())))

    def by_naics(self, code: str) -> int | None:
        """The factor of an industry by its NAICS code of six digits; of a shorter one none, as industries differ."""
        return self._naics.get(code.strip().split(".")[0])


_MEMBERS = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
EUROPEAN_UNION = frozenset(_MEMBERS.split())


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").split())


@cache
def built_in() -> FactorTable:
    """The factors that come with the product; each says where it was published."""
    return FactorTable(read_factors(FILE.read_bytes(), FILE.name))


def with_own(own: Iterable[Factor], *, replace: bool) -> FactorTable:
    """The factors of a file beside the built-in ones, or in their place; its ids and activities come first."""
    own = tuple(own)
    if replace:
        return FactorTable(own)
    ids = {factor.factor_id for factor in own}
    taken = {(_plain(factor.activity), factor.region) for factor in own if factor.kind == "activity"}
    naics = {factor.naics for factor in own if factor.kind == "spend"}
    kept = [
        factor
        for factor in built_in().factors
        if factor.factor_id not in ids
        and (_plain(factor.activity), factor.region) not in taken
        and (factor.kind == "activity" or factor.naics not in naics)
    ]
    return FactorTable([*own, *kept])
