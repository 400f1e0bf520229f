"""The best data of each row: which method can be used, what it gives, or what is in the way; by whole columns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agents.library.emissions.factors import FactorTable
from agents.library.emissions.numbers import Numbers, Read
from agents.library.emissions.resolving import Resolved
from agents.library.emissions.values import Flag, Method, Reason, rounded

FINE = 0
_NOT_GIVEN = -1
_READ = {Read.MISSING: Reason.AMOUNT_MISSING, Read.UNREADABLE: Reason.NUMBER, Read.NEGATIVE: Reason.NEGATIVE}


@dataclass(slots=True)
class Way:
    """One method for all rows: which rows bring data for it, what each combination of their cells resolves to, by row
    which combination it has, and the columns of numbers that are multiplied."""

    method: Method
    given: NDArray[np.bool_]
    resolved: list[Resolved]
    which: NDArray[np.int64]
    numbers: tuple[tuple[str, Numbers], ...]


@dataclass(slots=True)
class Outcome:
    """By row: what is in the way (``FINE``: nothing), and of those that are fine method, category, factor (-1: the
    supplier's own), flags and milligrams."""

    troubles: NDArray[np.int64]
    methods: NDArray[np.int64]
    categories: NDArray[np.int64]
    factors: NDArray[np.int64]
    flags: NDArray[np.int64]
    milligrams: list[int]
    known: Troubles

    def refuse(self, place: int, reason: Reason, column: str) -> None:
        """Set a row aside."""
        self.troubles[place] = self.known.code(reason, column)

    def trouble(self, place: int) -> tuple[Reason, str]:
        """Why a row is set aside, and by which column."""
        return self.known.told[int(self.troubles[place])]


@dataclass(slots=True)
class Troubles:
    """Reasons with their columns as numbers, from 1."""

    told: list[tuple[Reason, str]] = field(default_factory=lambda: [(Reason.NOTHING, "")])
    codes: dict[tuple[Reason, str], int] = field(default_factory=dict)

    def code(self, reason: Reason, column: str) -> int:
        """The number of a reason and column."""
        each = (reason, column)
        if each not in self.codes:
            self.codes[each] = len(self.told)
            self.told.append(each)
        return self.codes[each]


def choose(ways: list[Way], categories: NDArray[np.int64], table: FactorTable) -> Outcome:
    """The outcome of each row; ``ways`` come best first, ``categories`` hold 0 for none given and -1 for unknown.

    A negative number anywhere sets the row aside: it is a correction of something that is not here. Else the first way
    that can be used is used; where none can be, the first one that was tried gives the reason.
    """
    known = Troubles()
    size = len(categories)
    codes = [_codes(way, known) for way in ways]
    chosen = np.full(size, -1, dtype=np.int64)
    troubles = np.full(size, known.code(Reason.NOTHING, ""), dtype=np.int64)
    for place in reversed(range(len(ways))):
        troubles[codes[place] > FINE] = codes[place][codes[place] > FINE]
    fell_back = np.zeros(size, dtype=np.bool_)
    tried = np.zeros(size, dtype=np.bool_)
    for place, code in enumerate(codes):
        now = (code == FINE) & (chosen < 0)
        chosen[now], fell_back[now] = place, tried[now]
        tried |= code > FINE
    troubles[chosen >= 0] = FINE
    negative = np.array([reason is Reason.NEGATIVE for reason, _ in known.told])
    for code in reversed(codes):
        bad = (code > FINE) & negative[np.maximum(code, 0)]
        troubles[bad] = code[bad]
    troubles[categories < 0] = known.code(Reason.CATEGORY_UNKNOWN, "category")
    methods, final, factors, flags = (np.zeros(size, dtype=np.int64) for _ in range(4))
    outcome = Outcome(troubles, methods, final, factors, flags, [0] * size, known)
    outcome.flags[fell_back] = int(Flag.FELL_BACK)
    for place, way in enumerate(ways):
        _work_out(outcome, way, np.flatnonzero((chosen == place) & (troubles == FINE)))
    _put_categories(outcome, categories, table)
    return outcome


def _codes(way: Way, known: Troubles) -> NDArray[np.int64]:
    """By row what is in the way of a method: the numbers come before what the cells resolve to."""
    by_combination = [FINE if each.reason is None else known.code(each.reason, each.column) for each in way.resolved]
    codes = np.array(by_combination, dtype=np.int64)[way.which]
    for name, numbers in reversed(way.numbers):
        for read, reason in _READ.items():
            codes[numbers.read == read] = known.code(reason, name)
    codes[~way.given] = _NOT_GIVEN
    return codes


def _work_out(outcome: Outcome, way: Way, places: NDArray[np.intp]) -> None:
    """The exact product of each row, rounded once."""
    which = way.which[places]
    outcome.methods[places] = int(way.method)
    outcome.factors[places] = np.array([each.factor for each in way.resolved], dtype=np.int64)[which]
    outcome.flags[places] |= np.array([each.flags for each in way.resolved], dtype=np.int64)[which]
    for _, numbers in way.numbers:
        outcome.flags[places] |= np.where(numbers.rounded[places], int(Flag.ROUNDED), 0)
    columns = [numbers.values for _, numbers in way.numbers]
    for place, combination in zip(places.tolist(), which.tolist(), strict=True):
        resolved = way.resolved[combination]
        product = resolved.numerator
        for values in columns:
            product *= values[place]
        outcome.milligrams[place] = rounded(product, resolved.denominator)
        if not product:
            outcome.flags[place] |= int(Flag.ZERO)


def _put_categories(outcome: Outcome, categories: NDArray[np.int64], table: FactorTable) -> None:
    """The category of each row, and what there is to say of it; the supplier's own figures go with any."""
    usual = np.zeros((len(table.factors) + 1, 16), dtype=np.bool_)
    usual[-1] = True
    for place, factor in enumerate(table.factors):
        usual[place, list(factor.categories)] = True
    first = np.array([*(factor.categories[0] for factor in table.factors), 1], dtype=np.int64)
    given = categories > 0
    outcome.categories[:] = np.where(given, categories, first[outcome.factors])
    outcome.flags[~given] |= int(Flag.CATEGORY_INFERRED)
    unusual = given & ~usual[outcome.factors, np.maximum(categories, 0)]
    outcome.flags[unusual] |= int(Flag.CATEGORY_UNUSUAL)
