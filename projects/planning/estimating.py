"""How much of a project is done and how long the rest may take, from how long steps like its own have taken. Pure.

A length of time is a ``Spell``: the middle of what was seen, between its quartiles. What is left of a phase is the
longer of two things that no number of workers makes shorter: its longest path of steps that need one another, and
all its work spread over the lanes there are. Phases follow one another. Lows are added to lows and highs to highs: a
run that is slow in one step, for what it was given or where it runs, is slow in the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Self

LONGER = 0.25
"""Of a step that has run for longer than was expected: what is left is taken to be this share of what has passed."""
AT_MOST_LONGER = 1.0
"""The same for the end of the range: it may take as long again."""


@dataclass(frozen=True, slots=True)
class Spell:
    """Seconds: the middle, and the quartiles on its sides."""

    low: float = 0.0
    middle: float = 0.0
    high: float = 0.0

    def __add__(self, other: Self) -> Spell:
        return Spell(self.low + other.low, self.middle + other.middle, self.high + other.high)

    def times(self, factor: float) -> Spell:
        """So many one after another."""
        return Spell(self.low * factor, self.middle * factor, self.high * factor)


def seen(low: float, middle: float, high: float, number: int) -> Spell:
    """The spell of quartiles that ``number`` lengths gave: the fewer there were, the wider, as they say less."""
    doubt = 1 / (number + 1)
    return Spell(min(low, middle * (1 - doubt)), middle, max(high, middle * (1 + doubt)))


def about(seconds: float) -> Spell:
    """Where only a mean is known, of whatever steps: half of it to twice."""
    return Spell(seconds / 2, seconds, seconds * 2)


@dataclass(frozen=True, slots=True)
class Work:
    """A step of a plan, or all items of one: how many are ``done`` and ``left``, and how long each running one has run.

    ``width``: how many of them may run at once.
    """

    key: str
    expected: Spell
    needs: tuple[str, ...] = ()
    done: int = 0
    left: int = 0
    running: tuple[float, ...] = ()
    width: int = 1


@dataclass(frozen=True, slots=True)
class Estimate:
    """``share`` of the work that is done, from 0 to 1; what is ``left``."""

    share: float
    left: Spell


def estimate(phases: Sequence[Sequence[Work]], lanes: int) -> Estimate:
    """Estimate phases that follow one another, the steps of each in any order; ``lanes`` run at once at most."""
    left = Spell()
    for works in phases:
        left += _left_of_phase(works, max(1, lanes))
    whole = sum(_weight(work) for works in phases for work in works)
    done = sum(_done(work) for works in phases for work in works)
    return Estimate(done / whole if whole else 0.0, left)


def rest_of(expected: Spell, passed: float) -> Spell:
    """What is left of a step that has run for ``passed`` seconds."""
    middle = max(expected.middle - passed, LONGER * passed)
    low = min(max(expected.low - passed, 0.0), middle)
    return Spell(low, middle, max(expected.high - passed, AT_MOST_LONGER * passed, middle))


def _left_of_phase(works: Sequence[Work], lanes: int) -> Spell:
    paths = _longest(works, lanes)
    total = sum((_total(work) for work in works), Spell()).times(1 / lanes)
    return Spell(max(paths.low, total.low), max(paths.middle, total.middle), max(paths.high, total.high))


def _longest(works: Sequence[Work], lanes: int) -> Spell:
    """The longest path, for each end of the range and the middle by itself."""
    by_key = {work.key: work for work in works}
    found: dict[str, Spell] = {}
    for key in _in_order(by_key):
        before = [found[need] for need in by_key[key].needs if need in found]
        starts = Spell(
            *(max((getattr(each, end) for each in before), default=0.0) for end in ("low", "middle", "high"))
        )
        found[key] = starts + _own(by_key[key], lanes)
    ends = found.values()
    return Spell(*(max((getattr(each, end) for each in ends), default=0.0) for end in ("low", "middle", "high")))


def _in_order(works: Mapping[str, Work]) -> list[str]:
    """Each after what it needs. A plan has no circles; of one that had, the rest would follow in any order."""
    order: dict[str, None] = {}
    waiting = dict(works)
    while waiting:
        free = [key for key, work in waiting.items() if not any(need in waiting for need in work.needs)]
        for key in free or list(waiting):
            order[key] = None
            del waiting[key]
    return list(order)


def _own(work: Work, lanes: int) -> Spell:
    """How long it takes by itself: what runs, then what has not begun, as many at once as may."""
    at_once = max(1, min(work.width, lanes))
    runs = [rest_of(work.expected, passed) for passed in work.running]
    running = Spell(*(max((getattr(each, end) for each in runs), default=0.0) for end in ("low", "middle", "high")))
    free = max(0, at_once - len(runs))  # beside those that run, the first of the others run already
    return running + work.expected.times(
        ceil(max(0, work.left - free) / at_once) if runs else ceil(work.left / at_once)
    )


def _total(work: Work) -> Spell:
    return sum((rest_of(work.expected, passed) for passed in work.running), work.expected.times(work.left))


def _weight(work: Work) -> float:
    return work.expected.middle * (work.done + work.left + len(work.running))


def _done(work: Work) -> float:
    """A step that runs is done by the share of its time that has passed: of all that it then takes."""
    begun = sum(passed / (passed + rest_of(work.expected, passed).middle) for passed in work.running if passed > 0)
    return work.expected.middle * (work.done + begun)
