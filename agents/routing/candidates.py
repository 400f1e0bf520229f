"""Candidates, prepared once for a version of the registry, so that a decision reads arrays and makes none.

A ``Pool`` is some of them: all, those in one ring around a place, those of one priority, those a rule allows. Pools
are made when first asked for and kept with the candidates; positions are always those in the whole.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.routing.hashing import digests, scores, weighted_scores
from agents.routing.nearness import rings
from agents.values import Location, Performer

KEYS_KEPT = 4096
"""Keys whose order of agents a pool remembers; the least lately used is forgotten first."""
RANKED = 4
"""How far such an order goes; who is beyond is looked for among those who can take the work."""
LOCATIONS_KEPT = 256
"""Places that work comes from, and other parts of a pool, that are kept prepared."""
UNWELL = 1000
"""What is added to the ring of an agent in poor health: it is asked where no well agent can take the work."""


class Pool:
    """Some of the candidates, with what strategies need of them, each made when it is first asked for."""

    def __init__(self, whole: Candidates | None, at: NDArray[np.intp], key: Hashable) -> None:
        self.of: Candidates = whole if whole is not None else self  # type: ignore[assignment]
        self.key = key
        self.at = at
        self.positions: tuple[int, ...] = tuple(at.tolist())
        self.is_whole = whole is None
        self.rank: Callable[[str], tuple[int, ...]] = functools.lru_cache(KEYS_KEPT)(self._rank)
        self._made: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        return len(self.positions)

    def free(self, usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Those of the whole's flags that are this pool's."""
        return usable if self.is_whole else usable[self.at]

    @functools.cached_property
    def ids(self) -> tuple[str, ...]:
        """Their ids, by place in the pool."""
        return tuple(self.of.performers[at].id for at in self.positions)

    @functools.cached_property
    def weights(self) -> NDArray[np.float64]:
        """Their weights; all one where none has any, so that somebody gets the work."""
        weights = self.of.all_weights[self.at]
        return weights if weights.any() else np.ones(len(self))

    @functools.cached_property
    def weight(self) -> float:
        """The sum of the weights."""
        return float(self.weights.sum())

    @functools.cached_property
    def evenly(self) -> bool:
        """Whether all weigh the same."""
        return len(self) == 0 or bool((self.weights == self.weights[0]).all())

    @functools.cached_property
    def inverse_weights(self) -> NDArray[np.float64]:
        """One over each weight; a large number for none."""
        with np.errstate(divide="ignore"):
            return np.minimum(1.0 / self.weights, 1e300)

    @functools.cached_property
    def hashes(self) -> NDArray[np.uint64]:
        """Their digests, for keys to be mixed with."""
        return self.of.all_hashes[self.at]

    @functools.cached_property
    def standby(self) -> tuple[int, ...]:
        """Positions in the order of failover: the highest priority first, then by name, the same in every worker."""
        by = self.of.performers
        return tuple(sorted(self.positions, key=lambda at: (-by[at].priority, by[at].name, by[at].id)))

    @functools.cached_property
    def priorities(self) -> tuple[int, ...]:
        """The priorities that there are, highest first."""
        return tuple(sorted({self.of.performers[at].priority for at in self.positions}, reverse=True))

    def of_priority(self, priority: int) -> Pool:
        """Those of one priority."""
        return self.only(("priority", priority), lambda performer: performer.priority == priority)

    def only(self, key: Hashable, wanted: Callable[[Performer], bool]) -> Pool:
        """Those for whom something holds; ``key`` names it, and it is asked once."""
        made = self._made.get(key)
        if made is None:
            kept = [at for at in self.positions if wanted(self.of.performers[at])]
            made = self._made[key] = self._part(np.array(kept, dtype=np.intp), key)
        found: Pool = made
        return found

    def tiers(self, around: Location | None) -> Tiers:
        """The pool by nearness to a place, or by health alone where there is none."""
        key = ("tiers", around)
        made = self._made.get(key)
        if made is None:
            if len(self._made) > LOCATIONS_KEPT:
                self._made.clear()  # places come from requests: what is kept must not grow with them
            made = self._made[key] = Tiers(self, around)
        found: Tiers = made
        return found

    def best(self, key: str, among: NDArray[np.bool_], wanted: int) -> list[int]:
        """The first so many in the key's order of those for whom ``among`` holds, by place in the pool."""
        found = self._scores(key)
        found[~among] = -np.inf
        return self._highest(found, min(wanted, int(among.sum())))

    def place(self, key: str, position: int) -> int:
        """How many come before this one in the key's order."""
        found = self._scores(key)
        return int((found > found[self.positions.index(position)]).sum())

    def _rank(self, key: str) -> tuple[int, ...]:
        return tuple(self._highest(self._scores(key), min(RANKED, len(self))))

    def _scores(self, key: str) -> NDArray[np.float64]:
        if self.evenly:
            return scores(self.hashes, key).astype(np.float64)
        return weighted_scores(self.hashes, key, self.inverse_weights)

    def _highest(self, found: NDArray[np.float64], count: int) -> list[int]:
        """Those with the highest scores; a handful is found sooner one by one than by sorting."""
        if count > 2 * RANKED:
            return [self.positions[place] for place in np.argsort(-found, kind="stable")[:count].tolist()]
        highest = []
        for _ in range(count):
            place = int(found.argmax())
            highest.append(self.positions[place])
            found[place] = -np.inf
        return highest

    def _part(self, at: NDArray[np.intp], key: Hashable) -> Pool:
        return self if len(at) == len(self) else Pool(self.of, at, (self.key, key))


class Candidates(Pool):
    """All candidates for one sort of work, as they stood at one version of the registry.

    ``healthy_from``: those whose health is lower are asked only where no other can take the work.
    ``default_places``: steps at once of an agent that names no number; None: no limit.
    """

    def __init__(
        self,
        performers: Sequence[Performer],
        *,
        version: int = 0,
        healthy_from: float = 0.0,
        default_places: int | None = None,
    ) -> None:
        self.performers = tuple(performers)
        self.version = version
        self.healthy_from = healthy_from
        self.index = {performer.id: at for at, performer in enumerate(self.performers)}
        self.all_weights = np.array([performer.weight for performer in self.performers], dtype=np.float64)
        self.all_hashes = digests(performer.id for performer in self.performers)
        limits = [performer.max_concurrency or default_places for performer in self.performers]
        self.places = np.array([np.inf if limit is None else limit for limit in limits], dtype=np.float64)
        super().__init__(None, np.arange(len(self.performers), dtype=np.intp), "all")


class Tiers:
    """A pool in tiers: who is asked first, who after that. ``numbers`` by place in the pool, the least first."""

    def __init__(self, pool: Pool, around: Location | None) -> None:
        whole = pool.of
        those = [whole.performers[at] for at in pool.positions]
        unwell = np.array([one.health < whole.healthy_from for one in those], dtype=np.int64) * UNWELL
        near = rings(around, [one.location for one in those]) if around else np.zeros(len(those), dtype=np.int64)
        self.numbers = near + unwell
        self.near = around is not None
        self.single = len(those) == 0 or bool((self.numbers == self.numbers[0]).all())
        self._pool, self._around = pool, around
        self._made: dict[int, Pool] = {}

    def pool(self, number: int) -> Pool:
        """The pool of one tier."""
        made = self._made.get(number)
        if made is None:
            at = self._pool.at[self.numbers == number]
            made = self._made[number] = self._pool._part(at, ("tier", self._around, number))
        return made
