"""Affinity: what belongs together goes to the same agent."""

from __future__ import annotations

from agents.routing.candidates import Pool
from agents.routing.strategy import Pick, Situation, Strategy, first_usable
from agents.routing.values import Reason, Request


class Affinity(Strategy):
    """A key stays with the agent that had it, as long as that can take work; else it goes where its hash says.

    Every worker finds the same agent for a key without asking anybody. Load is not looked at before an agent is
    full: whoever wants an even load as well takes ``consistent_hash``.
    """

    name = "affinity"

    def choose(self, pool: Pool, situation: Situation) -> Pick:
        """The agent it is bound to, wherever that is; then by nearness and hash."""
        bound = situation.candidates.index.get(situation.request.bound_to)
        if bound is None or not situation.usable[bound] or bound not in pool.positions:
            return super().choose(pool, situation)
        found = [bound]
        if situation.request.wanted > 1:
            found += [index for index in super().choose(pool, situation).indices if index != bound]
        text = f"affinity: key {situation.request.key!r} was with it before"
        return Pick(found[: situation.request.wanted], lambda: [Reason("affinity", text)])

    def pick(self, pool: Pool, situation: Situation, wanted: int) -> Pick:
        """The first who can take it in the key's own order."""
        key = situation.request.key
        found = first_usable(pool.rank(key), situation.usable, wanted)
        if len(found) < wanted:
            found = pool.best(key, pool.free(situation.usable), wanted)
        return Pick(found, lambda: _why(pool, situation.request, found))


def _why(pool: Pool, request: Request, found: list[int]) -> list[Reason]:
    if not found:
        return []
    place = pool.place(request.key, found[0])
    text = f"affinity: key {request.key!r} belongs to it"
    if place:
        text += f" while the {place} before it cannot take it"
    return [Reason("affinity", text, {"key": request.key, "place": place + 1})]
