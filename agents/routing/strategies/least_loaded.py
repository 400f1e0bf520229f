"""Least loaded: who has the smallest part of its places taken."""

from __future__ import annotations

import numpy as np

from agents.routing.candidates import Pool
from agents.routing.strategy import Pick, Situation, Strategy
from agents.routing.values import Reason

DRAWS = 3
"""How many are drawn and compared where loads are shared for a while.

Workers that look at figures of the same moment all find the same agent least loaded and run it over. Drawing a few
at random and taking the best of them spreads the work as evenly as it is known (Mitzenmacher, "How useful is old
information?", IEEE TPDS 11(1), 2000). Three serve best at the ages that figures have here: the decision record has
the table, and a test repeats it.
"""
TRIES = 24


class LeastLoaded(Strategy):
    """The agent of which the smallest part is taken; of equals, any."""

    name = "least_loaded"

    def pick(self, pool: Pool, situation: Situation, wanted: int) -> Pick:
        """The least of all where loads are fresh, else the least of some drawn at random."""
        if situation.loads.fresh or len(pool) <= DRAWS:
            return self._least(pool, situation, wanted)
        drawn = _draw(pool, situation)
        if len(drawn) < min(DRAWS, wanted):
            return self._least(pool, situation, wanted)
        share = situation.loads.share
        drawn.sort(key=share.__getitem__)
        found = drawn[:wanted]
        if len(found) < wanted:
            found = found + [one for one in self._least(pool, situation, wanted).indices if one not in found]
        return Pick(found[:wanted], lambda: _why_drawn(situation, drawn))

    def _least(self, pool: Pool, situation: Situation, wanted: int) -> Pick:
        share = pool.free(situation.loads.share)  # type: ignore[arg-type]
        share = np.where(pool.free(situation.usable), share, np.inf)
        found: list[int] = []
        while len(found) < min(wanted, len(share)):
            least = share.min()
            if least == np.inf:
                break
            ties = np.flatnonzero(share == least)
            place = int(ties[int(situation.memory.rng.random() * len(ties))])
            found.append(pool.positions[place])
            share[place] = np.inf
        return Pick(found, lambda: _why_least(pool, situation, found))


def _draw(pool: Pool, situation: Situation) -> list[int]:
    """Up to ``DRAWS`` different ones who can take it, in the order drawn."""
    positions, usable, rng = pool.positions, situation.usable, situation.memory.rng
    count, found = len(positions), []
    for _ in range(TRIES):
        index = positions[int(rng.random() * count)]
        if usable[index] and index not in found:
            found.append(index)
            if len(found) == DRAWS:
                break
    return found


def _why_drawn(situation: Situation, drawn: list[int]) -> list[Reason]:
    loads = situation.loads
    others = ", ".join(f"{situation.name(index)} with {loads.in_words(index)}" for index in drawn[1:])
    text = f"least loaded: {loads.in_words(drawn[0])}"
    if others:
        text += f"; drawn beside it: {others}"
    return [Reason("least_loaded", text, {"taken": int(loads.taken[drawn[0]]), "drawn": len(drawn)})]


def _why_least(pool: Pool, situation: Situation, found: list[int]) -> list[Reason]:
    if not found:
        return []
    loads = situation.loads
    share = loads.share[pool.at][pool.free(situation.usable)]
    busier = int((share > loads.share[found[0]]).sum())
    alike = len(share) - busier - 1
    text = f"least loaded: {loads.in_words(found[0])}; {busier} busier"
    if alike:
        text += f", {alike} as busy"
    return [Reason("least_loaded", text, {"taken": int(loads.taken[found[0]]), "busier": busier, "alike": alike})]
