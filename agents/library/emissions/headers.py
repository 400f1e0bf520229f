"""The columns of a table of suppliers, by the many names that people give them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.library.emissions.currencies import currency_of
from agents.library.emissions.errors import TableUnusable
from agents.library.emissions.units import unit_of

COLUMNS = (
    "supplier", "name", "category", "activity", "amount", "unit", "spend", "currency", "naics", "region",
    "supplier_factor", "supplier_factor_unit", "reported", "reported_unit",
)  # fmt: skip
"""What is read of a row, in the order in which its digest is taken."""

_ALIASES = {
    "supplier": "supplierid supplierno suppliernumber suppliercode vendorid vendorno vendornumber vendorcode "
    "lieferantennummer lieferantennr lieferantenid kreditor kreditornummer id",
    "name": "suppliername vendorname supplier vendor lieferant lieferantenname company companyname name",
    "category": "category scope3category ghgcategory ghgprotocolcategory cat kategorie scope3kategorie",
    "activity": "activity activitytype material product goods item emissionsource aktivitaet produkt activitykey",
    "amount": "amount quantity qty activityamount activitydata activityvalue volume menge value wert anzahl",
    "unit": "unit uom units unitofmeasure activityunit einheit mengeneinheit",
    "spend": "spend spent spendamount cost costs expenditure invoiceamount netamount ausgaben kosten betrag umsatz",
    "currency": "currency curr spendcurrency waehrung currencycode",
    "naics": "naics naicscode naics2017 industry industrycode sector sectorcode branche",
    "region": "region country countrycode location land suppliercountry",
    "supplier_factor": "supplierfactor supplierspecificfactor supplieremissionfactor emissionfactor pcf "
    "productcarbonfootprint carbonintensity",
    "supplier_factor_unit": "supplierfactorunit emissionfactorunit pcfunit factorunit",
    "reported": "reported reportedemissions supplieremissions allocatedemissions emissions co2e tco2e kgco2e "
    "reportedco2e "
    "reportedtco2e reportedkgco2e emissionstco2e emissionskgco2e emissionen",
    "reported_unit": "reportedunit emissionsunit emissionunit reportedemissionsunit",
}
_BY_NAME = {alias: column for column, aliases in _ALIASES.items() for alias in aliases.split()} | {
    column.replace("_", ""): column for column in COLUMNS if column != "supplier"
}
_BRACKETS = re.compile(r"^(?P<name>.*?)\s*[\[(](?P<unit>[^\])]+)[\])]\s*$")
_CODES = re.compile(
    r"^(?P<name>.+?)[\s_-]+(?P<unit>eur|usd|gbp|chf|jpy|cny|inr|kg|t|km|tkm|pkm|kwh|mwh)$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Header:
    """Where each column stands in a row, what the header says of units, and the columns that are not read."""

    names: tuple[str, ...]
    places: dict[str, int]
    defaults: dict[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """For the result that the calculators read."""
        return {
            "names": list(self.names),
            "places": self.places,
            "defaults": self.defaults,
            "ignored": list(self.ignored),
        }


def header_of(names: Sequence[str], where: str) -> Header:
    """The header that these names make. Raises ``TableUnusable`` where a row could not be understood.

    ``Spend (EUR)`` and ``amount_kg`` give the currency or unit of rows that name none.
    """
    places: dict[str, int] = {}
    defaults: dict[str, str] = {}
    ignored = []
    for place, name in enumerate(names):
        column, unit = _column_of(name)
        if column is None:
            ignored.append(name.strip())
            continue
        if column in places:
            raise TableUnusable(
                f"{where}: the columns {names[places[column]].strip()!r} and {name.strip()!r} both say {column}. "
                "Rename the one that is not meant."
            )
        places[column] = place
        if unit is not None:
            defaults[_unit_column(column)] = unit
    if "supplier" not in places and "name" in places:
        places["supplier"] = places["name"]
    _check(places, names, where)
    return Header(tuple(names), places, defaults, tuple(ignored))


def _check(places: dict[str, int], names: Sequence[str], where: str) -> None:
    if "supplier" not in places:
        raise TableUnusable(f"{where}: no column names the supplier, such as supplier_id. There are: {_listed(names)}.")
    if not {"amount", "spend", "reported"} & set(places):
        raise TableUnusable(
            f"{where}: no column gives an amount, a spend or reported emissions. There are: {_listed(names)}."
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name.strip()[:40]) for name in names[:20])


def _unit_column(column: str) -> str:
    pairs = {"spend": "currency", "reported": "reported_unit", "supplier_factor": "supplier_factor_unit"}
    return pairs.get(column, "unit")


def _column_of(name: str) -> tuple[str | None, str | None]:
    plain = _plain(name)
    if plain in _BY_NAME:
        column = _BY_NAME[plain]
        if column == "reported" and plain.endswith(("tco2e", "kgco2e")):
            return column, "kgCO2e" if plain.endswith("kgco2e") else "tCO2e"
        return column, None
    for pattern in (_BRACKETS, _CODES):
        found = pattern.match(name.strip())
        if found and _plain(found["name"]) in _BY_NAME:
            column, unit = _BY_NAME[_plain(found["name"])], found["unit"].strip()
            known = currency_of(unit) if column == "spend" else unit_of(unit.partition("/")[0])
            if column in ("amount", "spend", "reported", "supplier_factor") and known is not None:
                return column, unit
    return None, None


def _plain(name: str) -> str:
    folded = name.casefold().replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ß", "ss")
    letters = unicodedata.normalize("NFKD", folded)
    return "".join(each for each in letters if each.isascii() and each.isalnum())
