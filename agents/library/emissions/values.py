"""The words of the calculation: methods, flags, reasons, and how good a figure is.

Masses of emissions are whole milligrams of CO2e, so that every sum is exact: a factor times an amount is a rational
number, rounded once, half to even.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag, StrEnum

VERSION = "phasegate.emissions/1"
"""What every digest begins with. It changes whenever the same row could give another figure."""

MG_PER_KG = 1_000_000
MG_PER_TONNE = 1_000_000_000


class Method(IntEnum):
    """How a figure came about, best first (GHG Protocol, Scope 3 Calculation Guidance, category 1: supplier-specific
    before average-data before spend-based)."""

    SUPPLIER = 1
    ACTIVITY = 2
    SPEND = 3

    @property
    def label(self) -> str:
        """As people read it."""
        return _METHODS[self]


_METHODS = {
    Method.SUPPLIER: "supplier-specific",
    Method.ACTIVITY: "activity-based",
    Method.SPEND: "spend-based",
}


class Flag(IntFlag):
    """What is worth knowing of a figure that counts all the same."""

    CATEGORY_INFERRED = 1
    CATEGORY_UNUSUAL = 2
    OTHER_REGION = 4
    FELL_BACK = 8
    ROUNDED = 16
    ZERO = 32
    CONVERTED = 64


FLAGS = {
    Flag.CATEGORY_INFERRED: "the category was not given: the first one of the factor",
    Flag.CATEGORY_UNUSUAL: "the factor is not meant for this category",
    Flag.OTHER_REGION: "the factor is of another region than the supplier",
    Flag.FELL_BACK: "better data was given but cannot be used",
    Flag.ROUNDED: "a number with more than nine decimals was rounded",
    Flag.ZERO: "the amount is nought",
    Flag.CONVERTED: "the spend was converted to US dollars at the yearly average of the factors' year",
}


class Reason(StrEnum):
    """Why a row is set aside. It is counted and listed, and has no emissions."""

    COLUMNS = "columns"
    CONTROL = "control_character"
    SUPPLIER_MISSING = "supplier_missing"
    DUPLICATE = "duplicate"
    NEGATIVE = "negative"
    NUMBER = "number_unreadable"
    AMOUNT_MISSING = "amount_missing"
    ACTIVITY_UNKNOWN = "activity_unknown"
    UNIT_MISSING = "unit_missing"
    UNIT_UNKNOWN = "unit_unknown"
    UNIT_MISMATCH = "unit_mismatch"
    NAICS_MISSING = "naics_missing"
    NAICS_UNKNOWN = "naics_unknown"
    CURRENCY_MISSING = "currency_missing"
    CURRENCY_UNKNOWN = "currency_unknown"
    CATEGORY_UNKNOWN = "category_unknown"
    NOTHING = "nothing_to_calculate"


REASONS = {
    Reason.COLUMNS: "the row has another number of columns than the header",
    Reason.CONTROL: "the row holds a control character",
    Reason.SUPPLIER_MISSING: "no supplier is named",
    Reason.DUPLICATE: "the same row stands earlier in the data",
    Reason.NEGATIVE: "the number is negative",
    Reason.NUMBER: "this is no number, or has more than 18 digits before the decimal mark",
    Reason.AMOUNT_MISSING: "the amount is missing",
    Reason.ACTIVITY_UNKNOWN: "no factor knows this activity",
    Reason.UNIT_MISSING: "the unit is missing",
    Reason.UNIT_UNKNOWN: "this unit is not known, or may mean more than one",
    Reason.UNIT_MISMATCH: "the unit does not measure what the factor is for",
    Reason.NAICS_MISSING: "the industry (NAICS) of the spend is missing",
    Reason.NAICS_UNKNOWN: "no factor knows this industry (NAICS)",
    Reason.CURRENCY_MISSING: "the currency is missing",
    Reason.CURRENCY_UNKNOWN: "this currency is not known, or may mean more than one",
    Reason.CATEGORY_UNKNOWN: "this is none of the fifteen categories",
    Reason.NOTHING: "neither an amount nor a spend is given",
}


def quality_of(method: Method, flags: int) -> int:
    """How good a figure is, from 1, best, to 5.

    1 the supplier's own figures · 2 activity data with a factor of the supplier's region · 3 activity data with a
    factor of another region · 4 spend in US dollars · 5 spend that was converted, or that stands in for better data.
    """
    if method is Method.SUPPLIER:
        return 1
    if method is Method.ACTIVITY:
        return 3 if flags & (Flag.OTHER_REGION | Flag.FELL_BACK) else 2
    return 5 if flags & (Flag.CONVERTED | Flag.FELL_BACK) else 4


QUALITY = {
    1: "supplier's own figures",
    2: "activity data, factor of the region",
    3: "activity data, factor of another region",
    4: "spend",
    5: "spend converted, or in place of better data",
}


def tonnes(milligrams: int) -> str:
    """Tonnes CO2e as a decimal with nine places, exactly; ``tonnes(1_500_000_000)`` is ``1.500000000``."""
    whole, rest = divmod(abs(milligrams), MG_PER_TONNE)
    return f"{'-' if milligrams < 0 else ''}{whole}.{rest:09d}"


def rounded(numerator: int, denominator: int) -> int:
    """The quotient to the nearest whole number, half to even; ``denominator`` is positive."""
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    return quotient + (twice > denominator or (twice == denominator and quotient & 1))


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row without emissions: where it stands, and why. ``line`` is that of the text file, or the row of a Parquet
    table, both from 1; ``value`` is what stands there, shortened."""

    row: int
    line: int
    supplier: str
    column: str
    reason: Reason
    value: str
    digest: str

    def to_json(self) -> list[object]:
        """As a list, in the order of the fields."""
        return [self.row, self.line, self.supplier, self.column, self.reason.value, self.value, self.digest]

    @classmethod
    def from_json(cls, told: list[object]) -> SetAside:
        """The same from the list."""
        row, line, supplier, column, reason, value, digest = told
        return cls(
            int(str(row)), int(str(line)), str(supplier), str(column), Reason(str(reason)), str(value), str(digest)
        )
