"""Where a worker is in its turns. Each worker has its own, and starts at a place of its own.

Nothing is shared: workers that each go round evenly are even together, and because no two start alike they do not
send the same agent their work at the same moment.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from agents.routing.candidates import Pool

PROBES = 8
NEVER = 1e300


class Turns:
    """Going round a pool in an order drawn for this worker; who cannot take work is passed over."""

    def __init__(self, pool: Pool, rng: random.Random) -> None:
        order = list(pool.positions)
        rng.shuffle(order)
        self._order = tuple(order)
        self._at = np.array(order, dtype=np.intp)
        self._next = 0
        self._lock = threading.Lock()

    def take(self, usable: NDArray[np.bool_], wanted: int) -> list[int]:
        """The next in turn, and those after it; the turn passes on behind the first alone.

        It goes on behind whoever was found, not behind where it looked, so that the neighbour of an agent that is
        down does not get the work of two.
        """
        with self._lock:
            place = self._find(usable, self._next)
            if place is None:
                return []
            self._next = (place + 1) % len(self._order)
        found = [self._order[place]]
        while len(found) < min(wanted, len(self._order)):
            place = self._find(usable, (place + 1) % len(self._order))
            if place is None or self._order[place] in found:
                break
            found.append(self._order[place])
        return found

    def _find(self, usable: NDArray[np.bool_], start: int) -> int | None:
        order = self._order
        count = len(order)
        for step in range(min(PROBES, count)):
            place = start + step if start + step < count else start + step - count
            if usable[order[place]]:
                return place
        return self._far(usable, start)

    def _far(self, usable: NDArray[np.bool_], start: int) -> int | None:
        """Many in a row are down: all are looked at at once."""
        ahead = np.roll(usable[self._at], -start)
        first = int(ahead.argmax()) if len(ahead) else 0
        return (start + first) % len(self._order) if len(ahead) and ahead[first] else None


class WeightedTurns:
    """Going round a pool so that each has at any moment what is due to its weight, to within a turn or two.

    Each is owed its part of every turn. Of those that are owed anything, the one whose debt would be a whole turn
    soonest is next. (Tijdeman, "The chairman assignment problem", Discrete Mathematics 32, 1980: no debt reaches one
    turn, which no rule can better; worst-case fair queueing is the same rule for packets.) A worker starts from debts
    drawn at random, hence the second turn.
    """

    def __init__(self, pool: Pool, rng: random.Random) -> None:
        self._pool = pool
        self._part = pool.weights / pool.weight
        with np.errstate(divide="ignore"):
            self._turn = np.minimum(1.0 / self._part, NEVER)
        self._owed = _somewhere(self._part > 0, rng)
        self._lock = threading.Lock()

    def take(self, free: NDArray[np.bool_], wanted: int) -> list[int]:
        """The next in turn, and those that would be next without it. ``free`` by place in the pool."""
        with self._lock:
            part = self._part if free.all() else self._among(free)
            self._owed += part
            due = (1.0 - self._owed) * self._turn
            due[~(free & (self._owed > 0))] = np.inf
            first = int(due.argmin())
            if due[first] == np.inf:  # who is free is owed nothing, because who is owed is not free
                due = np.where(free, (1.0 - self._owed) * self._turn, np.inf)
                first = int(due.argmin())
            self._owed[first] -= 1.0
        return self._pool_order(due, free, first, wanted)

    def _among(self, free: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The parts of those who are free; alike where all the weight is elsewhere."""
        weights: NDArray[np.float64] = np.where(free, self._part, 0.0)
        if not weights.any():
            weights = free.astype(np.float64)
        weights /= weights.sum()
        return weights

    def _pool_order(self, due: NDArray[np.float64], free: NDArray[np.bool_], first: int, wanted: int) -> list[int]:
        found = [first]
        due[first] = np.inf
        while len(found) < wanted:
            after = int(due.argmin())
            if due[after] == np.inf:
                due = np.where(free, 0.0, np.inf)
                due[found] = np.inf
                after = int(due.argmin())
                if due[after] == np.inf:
                    break
            found.append(after)
            due[after] = np.inf
        positions = self._pool.positions
        return [positions[place] for place in found]


def _somewhere(weighs: NDArray[np.bool_], rng: random.Random) -> NDArray[np.float64]:
    """Debts as they might be in the middle of going round: each within a turn, and no more owed than was overpaid.

    They are drawn for each agent by itself: were they all zero at first, every worker would begin with the heaviest,
    and the lightest would get nothing where candidates are prepared anew before its first turn.
    """
    owed: NDArray[np.float64] = np.array([rng.random() for _ in weighs]) * weighs
    paid = round(float(owed.sum()))
    owed[rng.sample(np.flatnonzero(weighs).tolist(), paid)] -= 1.0
    return owed


class Memory:
    """One worker's turns, by pool. ``rng`` is what its places were drawn with; seeded, it is repeatable."""

    def __init__(self, rng: random.Random | None = None) -> None:
        self.rng = rng if rng is not None else random.Random()
        self._turns: dict[Hashable, Turns] = {}
        self._weighted: dict[Hashable, WeightedTurns] = {}

    def turns(self, pool: Pool) -> Turns:
        """Where this worker is in the pool."""
        made = self._turns.get(pool.key)
        return made if made is not None else self._turns.setdefault(pool.key, Turns(pool, self.rng))

    def weighted(self, pool: Pool) -> WeightedTurns:
        """Where this worker is in the pool by weight."""
        made = self._weighted.get(pool.key)
        return made if made is not None else self._weighted.setdefault(pool.key, WeightedTurns(pool, self.rng))
