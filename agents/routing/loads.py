"""How busy agents are: what each has taken of its places, and who is shut.

A snapshot is a value: whoever takes a place makes a new one, so that reasons can be put into words later from what
was true when it was decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from agents.routing.candidates import Candidates

UNLIMITED_AS = 100.0
"""An agent without a limit counts as one of so many places where shares are compared."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one agent stands: steps it has now, places it has (None: no limit), and why it gets nothing, if so.

    ``shut`` is said to people after "left out: "; ``retry_after`` in seconds, where it is known.
    """

    taken: int = 0
    places: int | None = None
    shut: str = ""
    retry_after: float | None = None


class LoadSource(Protocol):
    """Who knows how agents stand, across all workers."""

    def standing(self, ids: Sequence[str]) -> Mapping[str, Standing]:
        """How these agents stand now; one that is not named is idle, with the places that its registration gives.

        Raises ``Unavailable`` where it cannot be known.
        """


@dataclass(frozen=True, slots=True)
class Loads:
    """The loads of candidates, by their index.

    ``taken`` and ``places`` count steps (``inf``: no limit); ``share`` is the one over the other; ``usable`` says
    who is neither full nor shut; ``total`` and ``weight`` are the sums over them of ``taken`` and ``weights``.
    ``fresh`` says that it was read for one decision, so that no other worker decides by the same figures.
    """

    taken: NDArray[np.float64]
    places: NDArray[np.float64]
    weights: NDArray[np.float64]
    shut: Mapping[int, Standing]
    share: NDArray[np.float64]
    usable: NDArray[np.bool_]
    all_usable: bool
    total: float
    weight: float
    fresh: bool

    @classmethod
    def of(
        cls, candidates: Candidates, standing: Mapping[str, Standing] | None = None, *, fresh: bool = False
    ) -> Loads:
        """The loads that a source tells; idle, in their own places, for all that it does not name."""
        taken = np.zeros(len(candidates), dtype=np.float64)
        places = candidates.places.copy()
        shut: dict[int, Standing] = {}
        for identity, stands in (standing or {}).items():
            index = candidates.index.get(identity)
            if index is None:
                continue
            taken[index] = stands.taken
            if stands.places is not None:
                places[index] = stands.places
            if stands.shut:
                shut[index] = stands
        return cls._made(taken, places, candidates.weights, shut, fresh)

    def with_more(self, index: int, steps: int = 1) -> Loads:
        """The loads when an agent has so many more steps, or less."""
        taken = self.taken.copy()
        taken[index] = max(0.0, taken[index] + steps)
        share = self.share.copy()
        share[index] = taken[index] / (UNLIMITED_AS if self.places[index] == np.inf else max(1.0, self.places[index]))
        free = bool(taken[index] < self.places[index]) and index not in self.shut
        if free != bool(self.usable[index]):
            return self._made(taken, self.places, self.weights, self.shut, self.fresh)
        total = self.total + float(taken[index] - self.taken[index]) if free else self.total
        same = self.places, self.weights, self.shut
        return Loads(taken, *same, share, self.usable, self.all_usable, total, self.weight, self.fresh)

    @classmethod
    def _made(
        cls,
        taken: NDArray[np.float64],
        places: NDArray[np.float64],
        weights: NDArray[np.float64],
        shut: Mapping[int, Standing],
        fresh: bool,
    ) -> Loads:
        usable = taken < places
        if shut:
            usable[list(shut)] = False
        share = taken / _measure(places)
        total, weight = float(taken[usable].sum()), float(weights[usable].sum())
        return cls(taken, places, weights, shut, share, usable, bool(usable.all()), total, weight, fresh)

    def in_words(self, index: int) -> str:
        """``2 of 5 places taken``."""
        taken, places = int(self.taken[index]), self.places[index]
        if np.isinf(places):
            return f"{taken} step{'' if taken == 1 else 's'} at work, no limit"
        return f"{taken} of {int(places)} places taken"


def _measure(places: Any) -> Any:
    """What shares are measured by; an agent without any place is full, whatever its share."""
    return np.where(np.isinf(places), UNLIMITED_AS, np.maximum(places, 1.0))
