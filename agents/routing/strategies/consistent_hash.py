"""Consistent hash with bounded load: keys keep their agents, and no agent is run over by a hot key."""

from __future__ import annotations

import math

import numpy as np

from agents.routing.candidates import Pool
from agents.routing.strategy import Pick, Situation, Strategy
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
        key, bound = situation.request.key, _bound(pool, situation)
        found = _first_under(pool, situation, bound, wanted)
        if len(found) < wanted:
            free = pool.free(situation.usable)
            under = free & (situation.loads.taken[pool.at] < np.ceil(bound * pool.weights))
            found = pool.best(key, under, wanted)
            if len(found) < wanted:
                found += pool.best(key, free & ~under, wanted - len(found))
        return Pick(found, lambda: _why(pool, situation, found))


def _bound(pool: Pool, situation: Situation) -> float:
    """The load that is allowed for each unit of weight, counting the work to be placed; 0 where nothing weighs."""
    total, weight = situation.loads.total, situation.loads.weight
    if not pool.is_whole or situation.usable is not situation.loads.usable:
        free = pool.free(situation.usable)
        total = float(situation.loads.taken[pool.at][free].sum())
        weight = float(pool.weights[free].sum())
    return SLACK * (total + 1) / weight if weight > 0 else 0.0


def _first_under(pool: Pool, situation: Situation, bound: float, wanted: int) -> list[int]:
    """Those at the head of the key's order, which is all that is needed but for a wide outage."""
    usable, taken, weights = situation.usable, situation.loads.taken, situation.loads.weights
    found: list[int] = []
    for index in pool.rank(situation.request.key):
        if usable[index] and taken[index] < math.ceil(bound * weights[index]):
            found.append(index)
            if len(found) >= wanted:
                break
    return found


def _why(pool: Pool, situation: Situation, found: list[int]) -> list[Reason]:
    if not found:
        return []
    key = situation.request.key
    place = pool.place(key, found[0])
    text = f"consistent hash: key {key!r} belongs to it"
    if place:
        text += f" while the {place} before it cannot take it, or have {SLACK:g} times an even part of the load"
    return [Reason("consistent_hash", text, {"key": key, "place": place + 1})]
