"""Failover: always the first; the next only when it cannot."""

from __future__ import annotations

from agents.routing.candidates import Pool
from agents.routing.strategy import Pick, Situation, Strategy, first_usable
from agents.routing.values import Reason


class Failover(Strategy):
    """One agent does all the work, by priority and then by name; the others stand by, in the same order everywhere."""

    name = "failover"

    def pick(self, pool: Pool, situation: Situation, wanted: int) -> Pick:
        """The first of the order that can take it, and who stands by behind it."""
        found = first_usable(pool.standby, situation.usable, wanted)
        return Pick(found, lambda: _why(pool, found))


def _why(pool: Pool, found: list[int]) -> list[Reason]:
    if not found:
        return []
    place = pool.standby.index(found[0])
    text = "failover: the first of the order" if place == 0 else f"failover: {place} before it cannot take it"
    return [Reason("failover", text, {"place": place + 1})]
