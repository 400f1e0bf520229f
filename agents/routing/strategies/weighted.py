"""Weighted: each as often as its weight says, and as evenly spread."""

from __future__ import annotations

from agents.routing.candidates import Pool
from agents.routing.strategy import Pick, Situation, Strategy
from agents.routing.values import Reason


class Weighted(Strategy):
    """An agent of weight 3 gets three times the work of one of weight 1, and not three in a row."""

    name = "weighted"

    def pick(self, pool: Pool, situation: Situation, wanted: int) -> Pick:
        """The one that is owed a turn soonest."""
        free = pool.free(situation.usable)
        if not free.any():
            return Pick((), list)
        found = situation.memory.weighted(pool).take(free, wanted)
        return Pick(found, lambda: [_why(pool, situation, found[0])])


def _why(pool: Pool, situation: Situation, index: int) -> Reason:
    weight = max(situation.candidates.performers[index].weight, 0.0)
    part = float(pool.weights[pool.positions.index(index)]) / pool.weight
    text = f"weighted: its turn, at weight {weight:g} ({part:.1%} of the work)"
    return Reason("weighted", text, {"weight": weight, "part": round(part, 6)})
