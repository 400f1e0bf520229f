"""Priority: the most preferred who have a place share the work; the others are asked when these are full."""

from __future__ import annotations

from agents.routing.candidates import Pool
from agents.routing.strategies.least_loaded import LeastLoaded
from agents.routing.strategy import Pick, Situation, Strategy
from agents.routing.values import Reason


class Priority(Strategy):
    """The highest priority at which anybody can take the work; the least loaded there."""

    name = "priority"

    def pick(self, pool: Pool, situation: Situation, wanted: int) -> Pick:
        """The least loaded of the highest priority, then of the next."""
        found: list[int] = []
        picks: list[tuple[int, Pick]] = []
        for priority in pool.priorities:
            pick = LeastLoaded().pick(pool.of_priority(priority), situation, wanted - len(found))
            if pick.indices:
                found.extend(pick.indices)
                picks.append((priority, pick))
            if len(found) >= wanted:
                break
        return Pick(found, lambda: _why(pool, picks))


def _why(pool: Pool, picks: list[tuple[int, Pick]]) -> list[Reason]:
    if not picks:
        return []
    priority, pick = picks[0]
    above = sum(one > priority for one in pool.priorities)
    text = f"highest priority that can take it: {priority}"
    if above:
        text += f" ({above} higher cannot)"
    return [Reason("priority", text, {"priority": priority}), *pick.why()]
