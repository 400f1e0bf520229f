"""Broadcast: everybody."""

from __future__ import annotations

from agents.routing.candidates import Pool
from agents.routing.strategy import Pick, Situation, Strategy
from agents.routing.values import Reason


class Broadcast(Strategy):
    """Everybody who can take it, the nearest first, however many were wanted."""

    name = "broadcast"

    def choose(self, pool: Pool, situation: Situation) -> Pick:
        """All of the pool, by nearness."""
        tiers = pool.tiers(situation.request.location)
        if tiers.single:
            return self.pick(pool, situation, len(pool))
        order = tiers.numbers.argsort(kind="stable")
        at = pool.at[order]
        return self._all(at[situation.usable[at]].tolist(), pool)

    def pick(self, pool: Pool, situation: Situation, wanted: int) -> Pick:
        """All of the pool."""
        if situation.all_usable:
            return self._all(pool.positions, pool)
        return self._all(pool.at[pool.free(situation.usable)].tolist(), pool)

    def _all(self, found: tuple[int, ...] | list[int], pool: Pool) -> Pick:
        return Pick(found, lambda: [Reason("broadcast", f"broadcast: {len(found)} of {len(pool)} can take it")])
