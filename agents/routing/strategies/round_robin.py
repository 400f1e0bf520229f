"""Round robin: each in turn."""

from __future__ import annotations

from agents.routing.candidates import Pool
from agents.routing.strategy import Pick, Situation, Strategy
from agents.routing.values import Reason


class RoundRobin(Strategy):
    """Each agent in turn, in an order drawn for each worker; whoever cannot take the work is passed over."""

    name = "round_robin"

    def pick(self, pool: Pool, situation: Situation, wanted: int) -> Pick:
        """The next in turn."""
        found = situation.memory.turns(pool).take(situation.usable, wanted)
        return Pick(found, lambda: [Reason("round_robin", f"round robin: next in turn of {len(pool)}")])
