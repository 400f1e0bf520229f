"""Standings as this process last read them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from agents.resilience.rules import Rules
from agents.resilience.values import Standing


class Standings:
    """A picture of agents that is good for ``stale`` seconds. Dictionaries are all it has, so threads need no lock: the
    worst that two can do is to read the same standing twice."""

    def __init__(self, stale: float) -> None:
        self._stale = stale
        self._known: dict[str, tuple[float, Standing]] = {}

    def fresh(self, agent_id: str) -> Standing | None:
        """What is known, where it is not too old."""
        known = self._known.get(agent_id)
        return known[1] if known is not None and time.monotonic() - known[0] < self._stale else None

    def last(self, agent_id: str) -> Standing | None:
        """What was known last, however old."""
        known = self._known.get(agent_id)
        return known[1] if known is not None else None

    def of(
        self, rules: Mapping[str, Rules], read: Callable[[Mapping[str, Rules]], Mapping[str, Standing]]
    ) -> dict[str, Standing]:
        """The standings of these agents; those that are too old are read together, as of the moment before."""
        oldest = time.monotonic() - self._stale
        known = self._known
        standings = {agent_id: found[1] for agent_id in rules if (found := known.get(agent_id)) and found[0] > oldest}
        if len(standings) < len(rules):
            asked = time.monotonic()
            news = read({agent_id: own for agent_id, own in rules.items() if agent_id not in standings})
            known.update((agent_id, (asked, standing)) for agent_id, standing in news.items())
            standings.update(news)
        return standings

    def forget(self, agent_id: str) -> None:
        """Have one read anew."""
        self._known.pop(agent_id, None)

    def clear(self) -> None:
        """Have all read anew."""
        self._known.clear()
