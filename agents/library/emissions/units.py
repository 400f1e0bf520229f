"""Units and what they measure, with exact conversion factors.

Sources: BIPM, The International System of Units, 9th edition (2019); NIST Special Publication 811 (2008), appendix B,
for pounds, short and long tons, miles, gallons, cubic feet, barrels and British thermal units (International Table).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

_MILE = Fraction("1.609344")  # km
_POUND = Fraction("0.45359237")  # kg
_SHORT_TON = 2000 * _POUND
_BTU = Fraction("1055.05585262")  # J


@dataclass(frozen=True, slots=True)
class Unit:
    """``dimension`` is what it measures, ``scale`` how many of the base unit it is."""

    dimension: str
    scale: Fraction


_TABLE: dict[str, dict[str, Fraction | int | str]] = {
    "mass": {  # kg
        "mg milligram milligrams": "0.000001",
        "g gram grams gramm": "0.001",
        "kg kgs kilo kilos kilogram kilograms kilogramm": 1,
        "t tonne tonnes metricton metrictons mt tonnen": 1000,
        "kt kilotonne kilotonnes": 1_000_000,
        "lb lbs pound pounds": _POUND,
        "oz ounce ounces": _POUND / 16,
        "shortton shorttons uston ustons tonus": _SHORT_TON,
        "longton longtons imperialton": 2240 * _POUND,
    },
    "freight": {  # tonne-kilometres
        "tkm tonnekm tonnekilometre tonnekilometer tonnekilometres tonnekilometers tonnenkilometer": 1,
        "kgkm": "0.001",
        "tonmile tonmiles shorttonmile shorttonmiles": _SHORT_TON / 1000 * _MILE,
    },
    "passenger": {  # passenger-kilometres
        "pkm passengerkm passengerkilometre passengerkilometer passengerkilometres passengerkilometers": 1,
        "personenkilometer": 1,
        "passengermile passengermiles pmi": _MILE,
    },
    "distance": {  # km
        "m metre meter metres meters": "0.001",
        "km kms kilometre kilometer kilometres kilometers vehiclekm vkm": 1,
        "mi mile miles vehiclemile vehiclemiles": _MILE,
        "nmi nauticalmile nauticalmiles": "1.852",
    },
    "energy": {  # kWh
        "wh": "0.001",
        "kwh kilowatthour kilowatthours kilowattstunde kilowattstunden": 1,
        "mwh megawatthour megawatthours": 1000,
        "gwh": 1_000_000,
        "kj": Fraction(1, 3600),
        "mj": Fraction(10, 36),
        "gj": Fraction(10_000, 36),
        "tj": Fraction(10_000_000, 36),
        "therm therms": _BTU * 100_000 / 3_600_000,
        "mmbtu": _BTU * 1_000_000 / 3_600_000,
    },
    "volume": {  # litres
        "ml millilitre milliliter": "0.001",
        "l litre liter litres liters": 1,
        "hl": 100,
        "kl": 1000,
        "m3 cbm cubicmetre cubicmeter cubicmetres cubicmeters kubikmeter": 1000,
        "megalitre megaliter millionlitres millionliters": 1_000_000,
        "usgal usgallon usgallons galus": "3.785411784",
        "impgal imperialgallon imperialgallons galuk ukgallon": "4.54609",
        "ft3 cubicfoot cubicfeet": "28.316846592",
        "bbl barrel barrels": "158.987294928",
    },
    "nights": {"roomnight roomnights night nights hotelnight hotelnights uebernachtung": 1},
    "hours": {"h hour hours stunde stunden ftehour ftehours": 1},
    "emissions": {  # kg CO2e
        "gco2e gco2eq gco2": "0.001",
        "kgco2e kgco2eq kgco2 kgcarbondioxideequivalent": 1,
        "tco2e tco2eq tco2 tonneco2e tonnesco2e tonnesco2 mtco2e": 1000,
        "lbco2e lbsco2e": _POUND,
    },
}
UNITS = {
    name: Unit(dimension, Fraction(scale))
    for dimension, units in _TABLE.items()
    for names, scale in units.items()
    for name in names.split()
}
_BETWEEN = re.compile(r"[\s._\-·⋅*()]+")


def unit_of(text: str) -> Unit | None:
    """The unit of a text, in any case of letters and with any marks between; None where it is not known.

    ``t.km``, ``tonne-km`` and ``TKM`` are one. A bare ``ton`` or ``gallon`` means different things in different
    countries and is none.
    """
    plain = text.casefold().replace("₂", "2").replace("³", "3").replace("ü", "ue")
    return UNITS.get(_BETWEEN.sub("", plain))


def convert(value: Fraction, unit: Unit, into: Unit) -> Fraction:
    """The same quantity in another unit, exactly. Raises ``ValueError`` where they measure different things."""
    if unit.dimension != into.dimension:
        raise ValueError(f"{unit.dimension} is no {into.dimension}")
    return value * unit.scale / into.scale
