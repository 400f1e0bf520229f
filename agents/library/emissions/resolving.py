"""From the distinct texts of a column to what they mean, each resolved once, and from combinations to multipliers.

A multiplier is the exact number of milligrams of CO2e for one billionth of the amount as it was given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agents.library.emissions.currencies import currency_of, rates
from agents.library.emissions.factors import EUROPEAN_UNION, EVERYWHERE, Factor, FactorTable
from agents.library.emissions.numbers import SCALE
from agents.library.emissions.units import Unit, unit_of
from agents.library.emissions.values import MG_PER_KG, Flag, Reason

_PER_BILLIONTH = Fraction(MG_PER_KG, SCALE)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a combination of cells gives: a multiplier with its factor and flags, or the reason why it gives none and
    the column that is to blame."""

    numerator: int = 0
    denominator: int = 1
    factor: int = -1
    flags: int = 0
    reason: Reason | None = None
    column: str = ""


@dataclass(frozen=True, slots=True)
class Coded:
    """A column as numbers: ``codes`` by row point into ``texts``, its distinct texts."""

    texts: list[str]
    codes: NDArray[np.int64]

    def where(self, holds: Callable[[str], bool]) -> NDArray[np.bool_]:
        """The rows whose text it holds for."""
        return np.array([holds(text) for text in self.texts], dtype=np.bool_)[self.codes]


def coded(column: pa.Array) -> Coded:
    """A column by its distinct texts."""
    found = column.dictionary_encode()
    return Coded(found.dictionary.to_pylist(), found.indices.to_numpy(zero_copy_only=False).astype(np.int64))


def combined(*columns: Coded) -> tuple[list[tuple[str, ...]], NDArray[np.int64]]:
    """The distinct combinations of texts, and by row which one it has."""
    keys = np.zeros(len(columns[0].codes), dtype=np.int64)
    for column in columns:
        keys = keys * max(len(column.texts), 1) + column.codes
    _, firsts, which = np.unique(keys, return_index=True, return_inverse=True)
    texts = [tuple(column.texts[int(column.codes[first])] for column in columns) for first in firsts]
    return texts, which.reshape(-1).astype(np.int64)


def activity(table: FactorTable, name: str, region: str, unit: str) -> Resolved:
    """The multiplier of an amount of an activity."""
    country = region.upper()
    place = table.by_activity(name, country)
    if place is None:
        return Resolved(reason=Reason.ACTIVITY_UNKNOWN, column="activity")
    factor = table.factors[place]
    given = unit_of(unit)
    if given is None:
        return Resolved(reason=Reason.UNIT_UNKNOWN if unit else Reason.UNIT_MISSING, column="unit")
    per = _per(factor)
    if given.dimension != per.dimension:
        return Resolved(reason=Reason.UNIT_MISMATCH, column="unit")
    exact = _PER_BILLIONTH * given.scale / per.scale * Fraction(factor.kg_co2e)
    flags = 0 if _of_region(factor, country) else Flag.OTHER_REGION
    return Resolved(exact.numerator, exact.denominator, place, int(flags))


def spend(table: FactorTable, naics: str, currency: str) -> Resolved:
    """The multiplier of a spend."""
    if not naics:
        return Resolved(reason=Reason.NAICS_MISSING, column="naics")
    place = table.by_naics(naics)
    if place is None:
        return Resolved(reason=Reason.NAICS_UNKNOWN, column="naics")
    code = currency_of(currency)
    if code is None:
        return Resolved(reason=Reason.CURRENCY_UNKNOWN if currency else Reason.CURRENCY_MISSING, column="currency")
    exact = _PER_BILLIONTH / rates()[code] * Fraction(table.factors[place].kg_co2e)
    return Resolved(exact.numerator, exact.denominator, place, int(Flag.CONVERTED) if code != "USD" else 0)


def suppliers_factor(amount_unit: str, factor_unit: str) -> Resolved:
    """The multiplier of an amount times the supplier's own factor, in kg CO2e for its unit: ``kg CO2e/kg``, ``kg``, or
    nothing for the amount's unit. Both numbers come as billionths."""
    given = unit_of(amount_unit)
    if given is None:
        return Resolved(reason=Reason.UNIT_UNKNOWN if amount_unit else Reason.UNIT_MISSING, column="unit")
    emitted, slash, per_text = factor_unit.partition("/")
    mass: Unit | None = unit_of(emitted) if slash else unit_of("kgco2e")
    per = unit_of(per_text if slash else factor_unit) if factor_unit else given
    if mass is None or mass.dimension != "emissions" or per is None:
        return Resolved(reason=Reason.UNIT_UNKNOWN, column="supplier_factor_unit")
    if per.dimension != given.dimension:
        return Resolved(reason=Reason.UNIT_MISMATCH, column="supplier_factor_unit")
    exact = _PER_BILLIONTH / SCALE * given.scale / per.scale * mass.scale
    return Resolved(exact.numerator, exact.denominator)


def reported(unit: str) -> Resolved:
    """The multiplier of emissions that the supplier reports."""
    given = unit_of(unit)
    if given is None or given.dimension != "emissions":
        return Resolved(reason=Reason.UNIT_UNKNOWN if unit else Reason.UNIT_MISSING, column="reported_unit")
    exact = _PER_BILLIONTH * given.scale
    return Resolved(exact.numerator, exact.denominator)


def _per(factor: Factor) -> Unit:
    per = unit_of(factor.per)
    if per is None:  # the schema lets none in
        raise ValueError(f"{factor.factor_id} is per {factor.per}, which is no unit")
    return per


def _of_region(factor: Factor, country: str) -> bool:
    return (
        factor.region == country
        or (factor.region == "EU" and country in EUROPEAN_UNION)
        or (factor.region == EVERYWHERE and country in ("", EVERYWHERE))
    )
