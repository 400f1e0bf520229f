"""Numbers as tables write them, whole columns at a time: decimal commas, thousands, exponents.

A number is kept exactly, as a whole number of billionths. One with more than nine decimals is rounded, half to even,
and flagged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from enum import IntEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

SCALE = 1_000_000_000
_DECIMALS = 9
_GROUPS = "[ '\u2019\u00a0\u202f_]"
_NONE = "(?i)^(?:|-|\u2013|n/?a|#n/a|null|none|nan)$"
_FINEST = Decimal(1).scaleb(-_DECIMALS)


class Read(IntEnum):
    """What a cell turned out to be."""

    MISSING = 0
    NUMBER = 1
    UNREADABLE = 2
    NEGATIVE = 3


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column: billionths by row, nought where there is no number; what each cell is; which were rounded."""

    values: list[int]
    read: NDArray[np.int8]
    rounded: NDArray[np.bool_]


def decimal_mark(columns: Iterable[pa.Array], *, semicolons: bool) -> str:
    """The decimal mark of a table, ``.`` or ``,``, by the numbers that can be read only one way.

    ``1,5`` speaks for the comma, ``1.234,5`` too; ``1,234`` for neither. Where nothing decides it is the comma in a
    table that semicolons separate, else the point; where numbers disagree, the many have it.
    """
    comma = point = 0
    for column in columns:
        comma += _count(column, r"\d,\d{1,2}$|\d,\d{4,}$|\.\d{3},\d+$|^0,\d+$")
        point += _count(column, r"\d\.\d{1,2}$|\d\.\d{4,}$|,\d{3}\.\d+$|^0\.\d+$")
    if comma == point:
        return "," if semicolons else "."
    return "," if comma > point else "."


def _count(column: pa.Array, pattern: str) -> int:
    return int(pc.sum(pc.match_substring_regex(column, pattern)).as_py() or 0)


def parse(column: pa.Array, mark: str) -> Numbers:
    """The numbers of a column of trimmed texts, with that decimal mark."""
    size = len(column)
    missing = _mask(pc.match_substring_regex(column, _NONE))
    groups = _GROUPS.replace("]", (",]" if mark == "." else ".]"))
    at = "[.]" if mark == "." else ","
    plain = _mask(pc.match_substring_regex(column, rf"^[+-]?(?:\d{{1,18}}(?:{at}\d{{0,9}})?|{at}\d{{1,9}})$"))
    grouped = _mask(pc.match_substring_regex(column, rf"^[+-]?\d{{1,3}}(?:{groups}\d{{3}}){{1,5}}(?:{at}\d{{0,9}})?$"))
    fast = (plain | grouped) & ~missing
    values, read = [0] * size, np.where(missing, Read.MISSING, Read.UNREADABLE).astype(np.int8)
    rounded = np.zeros(size, dtype=np.bool_)
    if fast.any():
        places = np.flatnonzero(fast)
        texts = pc.take(column, pa.array(places))
        if grouped.any():
            texts = pc.replace_substring_regex(texts, groups, "")
        if mark == ",":
            texts = pc.replace_substring(texts, ",", ".")
        _put(values, places, _billionths(pc.cast(texts, pa.decimal128(38, _DECIMALS))))
        read[fast] = Read.NUMBER
    for place in np.flatnonzero(~fast & ~missing).tolist():
        found = _slowly(column[place].as_py(), mark)
        if found is not None:
            values[place], rounded[place] = found
            read[place] = Read.NUMBER
    read[np.fromiter((value < 0 for value in values), np.bool_, size)] = Read.NEGATIVE
    return Numbers(values, read, rounded)


def _put(values: list[int], places: NDArray[np.intp], found: list[int]) -> None:
    for place, value in zip(places.tolist(), found, strict=True):
        values[place] = value


def _billionths(decimals: pa.Array) -> list[int]:
    """The whole numbers behind decimals, read off their memory: 16 bytes each, little-endian, two's complement."""
    words = np.frombuffer(decimals.buffers()[1], dtype="<i8").reshape(-1, 2)
    words = words[decimals.offset : decimals.offset + len(decimals)]
    low, high = words[:, 0], words[:, 1]
    if bool(np.all(high == (low >> 63))):
        return list(low.tolist())
    return [(h << 64) | (lo & 0xFFFF_FFFF_FFFF_FFFF) for lo, h in zip(low.tolist(), high.tolist(), strict=True)]


def _slowly(text: str, mark: str) -> tuple[int, bool] | None:
    """A number with an exponent or with many decimals; None where it is none, or too large."""
    plain = text.replace(",", ".") if mark == "," else text
    if not plain.isascii() or any(sign not in "0123456789.eE+-" for sign in plain) or len(plain) > 60:
        return None
    try:
        value = Decimal(plain)
    except ArithmeticError:
        return None
    if value and value.adjusted() >= 18:
        return None
    fine = value.quantize(_FINEST, rounding=ROUND_HALF_EVEN) if value.adjusted() >= -_DECIMALS - 1 else Decimal(0)
    return int(fine.scaleb(_DECIMALS)), fine != value


def _mask(found: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.bool_)
