"""Consistent hash with bounded load: keys keep their agents, and no agent is run over by a hot key."""

from __future__ import annotations

import math
from collections.abc import Sequence

from agents.routing.candidates import Pool
from agents.routing.strategy import Pick, Situation, Strategy, first_usable
from agents.routing.values import Reason

SLACK = 2.0
"""An agent gets no more than so many times its even part of the load; beyond, a key goes to the next in its order.

(Mirrokni, Thorup and Zadimoghaddam, "Consistent hashing with bounded loads", SODA 2018.) A tighter bound makes more
keys move when an agent comes, since everybody's bound changes with it: the decision record has the figures.
"""


class ConsistentHash(Strategy):
    """The first in the key's own order who has less than ``SLACK`` times an even part of the load."""

    name = "consistent_hash"

    def pick(self, pool: Pool, situation: Situation, wanted: int) -> Pick:
        """Who is under the bound, in the key's order; then, for second choices, who can take it at all."""
        key = situation.request.key
        load_a_weight = _bound(pool, situation)
        order: Sequence[int] = pool.rank(key)
        found = _under(order, pool, situation, load_a_weight, wanted)
        if len(found) < wanted and len(order) < len(pool):
            order = pool.order(key)
            found = _under(order, pool, situation, load_a_weight, wanted)
        if len(found) < wanted:
            others = first_usable(order, situation.usable, wanted + len(found))
            found += [index for index in others if index not in found][: wanted - len(found)]
        return Pick(found, lambda: _why(pool, situation, found, load_a_weight))


def _bound(pool: Pool, situation: Situation) -> float:
    """The load that is allowed for each unit of weight, counting the work to be placed; 0 where nothing weighs."""
    total, weight = situation.loads.total, pool.weight if len(pool) else 0.0
    if not (situation.all_usable and pool.is_whole):
        free = pool.free(situation.usable)
        total = float(situation.loads.taken[pool.at][free].sum())
        weight = float(pool.weights[free].sum())
    return SLACK * (total + 1) / weight if weight > 0 else 0.0


def _under(order: Sequence[int], pool: Pool, situation: Situation, load_a_weight: float, wanted: int) -> list[int]:
    usable, taken = situation.usable, situation.loads.taken
    weights = None if pool.evenly else situation.candidates.all_weights
    even = math.ceil(load_a_weight * float(pool.weights[0])) if pool.evenly and order else 0
    found: list[int] = []
    for index in order:
        if usable[index] and taken[index] < (even if weights is None else math.ceil(load_a_weight * weights[index])):
            found.append(index)
            if len(found) >= wanted:
                break
    return found


def _why(pool: Pool, situation: Situation, found: list[int], load_a_weight: float) -> list[Reason]:
    if not found:
        return []
    key = situation.request.key
    before = pool.order(key)[: pool.order(key).index(found[0])]
    over = [index for index in before if situation.usable[index]]
    text = f"consistent hash: key {key!r} belongs to it"
    if over:
        others = f" and {len(over) - 3} more" if len(over) > 3 else ""
        text += f"; {situation.names(over[:3])}{others} before it: at {SLACK} times an even load"
    return [Reason("consistent_hash", text, {"key": key, "place": len(before) + 1})]
