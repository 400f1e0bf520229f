"""The items to be shared out, and parcels of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.swarm.errors import SwarmSettingsRefused
from agents.swarm.exact import Floats, Integers


@dataclass(frozen=True, slots=True)
class Parcel:
    """Items ``start`` to ``end`` (without it) of ``Items.order``, all of one kind, given to an agent as one piece of
    work.
    """

    number: int
    agent: str
    kind: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Items:
    """Items with estimates of what each costs, in any unit as long as it is one.

    ``order`` has the items' numbers sorted by kind, within a kind the dear ones first: what is left for the end is
    small, and evens out who is late (Graham, "Bounds on multiprocessing timing anomalies", 1969). ``below[i]`` is the
    cost of the first ``i`` of them, shape ``(n + 1,)``; ``edges[k]`` is where kind ``k`` begins, shape ``(kinds +
    1,)``.
    """

    order: Integers
    below: Floats
    edges: Integers

    def __len__(self) -> int:
        return len(self.order)

    @property
    def kinds(self) -> int:
        """How many kinds there are."""
        return len(self.edges) - 1

    @property
    def total(self) -> float:
        """What all of them cost."""
        return float(self.below[-1])

    def cost(self, start: int, end: int) -> float:
        """What items ``start`` to ``end`` of the order cost."""
        return float(self.below[end] - self.below[start])

    def until(self, start: int, end: int, cost: float) -> int:
        """The end of the items from ``start`` that cost about ``cost``: at least one, and not beyond ``end``."""
        wanted = int(np.searchsorted(self.below, self.below[start] + cost, side="left"))
        return int(min(max(wanted, start + 1), end))

    def numbers(self, parcel: Parcel) -> Integers:
        """The items of a parcel, as they were numbered when they were given."""
        return self.order[parcel.start : parcel.end]


def items_of(costs: Sequence[float] | Floats, kinds: Sequence[int] | Integers | None = None) -> Items:
    """Items from costs above 0 and, where some agents are better at some, kinds counted from 0. Raises
    ``SwarmSettingsRefused``.
    """
    cost = np.asarray(costs, dtype=np.float64)
    if cost.ndim != 1 or not np.isfinite(cost).all() or (cost <= 0).any():
        raise SwarmSettingsRefused("Every item needs a cost that is a number above 0.")
    kind = np.zeros(len(cost), dtype=np.int64) if kinds is None else np.asarray(kinds, dtype=np.int64)
    if kind.shape != cost.shape or (kind < 0).any():
        raise SwarmSettingsRefused("Kinds are one for each item, counted from 0.")
    order = np.lexsort((np.arange(len(cost)), -cost, kind))
    below = np.concatenate([[0.0], np.cumsum(cost[order])])
    edges = np.searchsorted(kind[order], np.arange(int(kind.max(initial=0)) + 2))
    return Items(order, below, edges.astype(np.int64))
