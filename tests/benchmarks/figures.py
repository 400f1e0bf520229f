"""What benchmarks found, beside what it is measured against and what is aimed at."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. ``value`` is what is compared with ``target`` and ``goal``: below them, or above where ``more``."""

    work: str
    ours: str
    beside: str
    value: float
    target: float
    goal: float
    more: bool = False

    @property
    def verdict(self) -> str:
        """Whether it reaches the goal, the target, or neither."""
        reaches = (lambda bound: self.value >= bound) if self.more else (lambda bound: self.value <= bound)
        return "goal" if reaches(self.goal) else "met" if reaches(self.target) else "MISSED"

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self) | {"verdict": self.verdict}


FIGURES: list[Figure] = []


def table(figures: Sequence[Figure]) -> str:
    """The figures, a line each."""
    lines = [f"{'work':<52} {'Phasegate':>12} {'beside':>12} {'figure':>8} {'target':>7} {'goal':>6}"]
    lines += [
        f"{f.work:<52} {f.ours:>12} {f.beside:>12} {f.value:>8.2f} {f.target:>7g} {f.goal:>6g}  {f.verdict}"
        for f in figures
    ]
    return "\n".join(lines)


def median(measure: Callable[[], float], rounds: int = ROUNDS) -> float:
    """The median of some rounds, after one that is not counted."""
    measure()
    return statistics.median(measure() for _ in range(rounds))


def side_by_side(ours: Callable[[], float], theirs: Callable[[], float], rounds: int = ROUNDS) -> tuple[float, float]:
    """The medians of both, measured in turns, so that a machine that slows down slows both; after one uncounted."""
    ours(), theirs()
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    return statistics.median(each for each, _ in pairs), statistics.median(each for _, each in pairs)


def seconds_until(work: Callable[[], object]) -> float:
    """How long something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
