"""Work shared out as a colony forages: whoever comes back sooner is sent out with more.

Each agent leaves a trail on each kind of item: an estimate of how fast it is there, in cost a second. A parcel that
comes back lays down what was seen, and what was there before evaporates, so that the trail follows an agent that slows
down. A free agent chooses its kind by chance, among those with work left, by how much better it is there than the
others, squared (the rule of ant colony optimisation: Dorigo and Gambardella, IEEE Transactions on Evolutionary
Computation 1, 1997). Its parcel is a quarter of its share, by trail, of what is left, so that parcels shrink and all
are done at about the same time (weighted factoring: Hummel, Schmidt, Uma and Wein, SPAA 1996). An agent of which
nothing is known is first sent out with a small parcel.

An agent that fails gives its items back and loses half of its trail; after three failures in a row it is sent out no
more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from agents.swarm.allocating.items import Items, Parcel
from agents.swarm.errors import NobodyLeft, SwarmSettingsRefused, SwarmStateUnreadable
from agents.swarm.exact import Floats, Integers, packed, unpacked
from agents.swarm.randomness import Stream, generator

EVAPORATES = 0.3  # of a trail, when another parcel has come back
_FAILS = 3
_KEENNESS = 4.0  # the power to which being better at a kind counts
_FACTOR = 0.25  # of one's share of what is left, in one parcel
_FIRST = 0.02  # of an even share, in the first parcel of an unknown agent
FORM = "phasegate-forager/1"

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Forager:
    """Work under way. A value: ``ask`` and ``tell`` give a new one, and JSON holds all but the items.

    ``trail`` and ``heard`` (how many parcels came back) of shape ``(agents, kinds)``; ``failures`` in a row, shape
    ``(agents,)``; ``pools`` has for each kind the ranges of ``items.order`` that nobody has; ``out`` are the parcels
    that agents have. ``least_items`` and ``most_items`` bound a parcel.
    """

    items: Items
    agents: tuple[str, ...]
    trail: Floats
    heard: Integers
    failures: Integers
    pools: tuple[tuple[Range, ...], ...]
    out: Mapping[int, Parcel]
    seed: int
    sent: int
    least_items: int
    most_items: int

    @property
    def left(self) -> float:
        """The cost of what nobody has."""
        return sum(self.items.cost(start, end) for pool in self.pools for start, end in pool)

    @property
    def done(self) -> bool:
        """Whether everything has come back."""
        return not self.out and not any(self.pools)

    def ask(self, free: Iterable[str]) -> tuple[Forager, list[Parcel]]:
        """Parcels for agents that are free, in the order in which they are named; an agent named twice gets two.

        Agents that failed too often, and those for whom nothing is left, get none. Raises ``NobodyLeft`` where there
        are items that nobody has, and no agent that has not failed too often; ``SwarmSettingsRefused`` for an agent
        that is not known.
        """
        if any(self.pools) and not (self.failures < _FAILS).any():
            raise NobodyLeft(f"{self.left:g} of {self.items.total:g} is left, and every agent has failed.")
        forager, parcels = self, []
        for name in free:
            agent = self._place(name)
            if forager.failures[agent] < _FAILS and any(forager.pools):
                forager, parcel = forager._sent_out(agent)
                parcels.append(parcel)
        return forager, parcels

    def tell(self, number: int, seconds: float | None) -> Forager:
        """A parcel came back after so many seconds; or, None, its agent failed and its items are to be done by others.

        A parcel that is not out (it came back before) changes nothing.
        """
        parcel = self.out.get(number)
        if parcel is None:
            return self
        agent = self._place(parcel.agent)
        out = {other: given for other, given in self.out.items() if other != number}
        if seconds is None or not np.isfinite(seconds):
            return replace(self, out=out)._failed(agent, parcel)
        trail, heard, failures = self.trail.copy(), self.heard.copy(), self.failures.copy()
        # A clock that stood still: as quick as can be told, and no infinity on the trail.
        seen = self.items.cost(parcel.start, parcel.end) / max(seconds, 1e-6)
        before = trail[agent, parcel.kind]
        known = heard[agent, parcel.kind] > 0
        trail[agent, parcel.kind] = (1 - EVAPORATES) * before + EVAPORATES * seen if known else seen
        heard[agent, parcel.kind] += 1
        failures[agent] = 0
        return replace(self, out=out, trail=trail, heard=heard, failures=failures)

    def _failed(self, agent: int, parcel: Parcel) -> Forager:
        trail, failures = self.trail.copy(), self.failures.copy()
        trail[agent] *= 0.5
        failures[agent] += 1
        pools = list(self.pools)
        pools[parcel.kind] = ((parcel.start, parcel.end), *pools[parcel.kind])
        return replace(self, trail=trail, failures=failures, pools=tuple(pools))

    def welcome(self, name: str) -> Forager:
        """An agent that failed, and is heard of again, is sent out again."""
        failures = self.failures.copy()
        failures[self._place(name)] = 0
        return replace(self, failures=failures)

    def _place(self, name: str) -> int:
        try:
            return self.agents.index(name)
        except ValueError:
            raise SwarmSettingsRefused(f"No agent of this work is called {name!r}.") from None

    def _sent_out(self, agent: int) -> tuple[Forager, Parcel]:
        kind = self._chosen_kind(agent)
        (start, end), *others = self.pools[kind]
        cut = self.items.until(start, end, self._worth(agent, kind))
        cut = min(max(cut, start + self.least_items), start + self.most_items, end)
        parcel = Parcel(self.sent, self.agents[agent], kind, start, cut)
        pools = list(self.pools)
        pools[kind] = ((cut, end), *others) if cut < end else tuple(others)
        return replace(self, pools=tuple(pools), out={**self.out, self.sent: parcel}, sent=self.sent + 1), parcel

    def _chosen_kind(self, agent: int) -> int:
        open_kinds = [kind for kind, pool in enumerate(self.pools) if pool]
        if len(open_kinds) == 1:
            return open_kinds[0]
        believed = self._believed()
        better = believed[agent, open_kinds] / believed[:, open_kinds].mean(axis=0)
        left = [sum(self.items.cost(start, end) for start, end in self.pools[kind]) for kind in open_kinds]
        chance = better**_KEENNESS * np.array(left)
        rng = generator(self.seed, Stream.FORAGE, self.sent)
        return open_kinds[int(np.searchsorted(np.cumsum(chance / chance.sum()), rng.random() * (1 - 1e-12)))]

    def _believed(self) -> Floats:
        """How fast each is at each kind; where nothing is known, as fast as it is elsewhere, or as the others are on
        the mean.
        """
        known = self.heard > 0
        overall = self.trail[known].mean() if known.any() else 1.0
        sums, counts = np.where(known, self.trail, 0.0).sum(axis=1), known.sum(axis=1)
        of_agent = np.where(counts > 0, sums / np.maximum(counts, 1), overall)
        believed: Floats = np.maximum(np.where(known, self.trail, of_agent[:, None]), 1e-12)
        return believed

    def _worth(self, agent: int, kind: int) -> float:
        """What a parcel for an agent should cost."""
        alive = self.failures < _FAILS
        if not self.heard[agent].any():
            return _FIRST * self.items.total / int(alive.sum())
        believed = self._believed()[:, kind]
        left = sum(self.items.cost(start, end) for start, end in self.pools[kind])
        return float(_FACTOR * left * believed[agent] / believed[alive].sum())

    def to_json(self) -> dict[str, Any]:
        """All but the items, which whoever keeps it has."""
        return {
            "form": FORM,
            "items": [len(self.items), packed(self.items.below[-1:])],
            "agents": list(self.agents),
            "trail": packed(self.trail),
            "heard": packed(self.heard),
            "failures": packed(self.failures),
            "pools": [[list(part) for part in pool] for pool in self.pools],
            "out": [asdict(parcel) for _, parcel in sorted(self.out.items())],
            "seed": self.seed,
            "sent": self.sent,
            "bounds": [self.least_items, self.most_items],
        }

    @classmethod
    def from_json(cls, items: Items, given: Mapping[str, Any]) -> Forager:
        """The work under way again, on the same items. Raises ``SwarmStateUnreadable``."""
        try:
            if given["form"] != FORM or given["items"] != [len(items), packed(items.below[-1:])]:
                raise SwarmStateUnreadable("This is not kept of work on these items.")
            return cls(
                items=items,
                agents=tuple(given["agents"]),
                trail=unpacked(given["trail"]),
                heard=unpacked(given["heard"]),
                failures=unpacked(given["failures"]),
                pools=tuple(tuple((int(start), int(end)) for start, end in pool) for pool in given["pools"]),
                out={parcel["number"]: Parcel(**parcel) for parcel in given["out"]},
                seed=int(given["seed"]),
                sent=int(given["sent"]),
                least_items=int(given["bounds"][0]),
                most_items=int(given["bounds"][1]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise SwarmStateUnreadable(f"What is kept of the work cannot be read: {error}.") from None


def begin_foraging(
    items: Items,
    agents: Sequence[str],
    *,
    rates: Mapping[str, float] | None = None,
    seed: int = 0,
    least_items: int = 1,
    most_items: int = 5_000,
) -> Forager:
    """Work that nobody has begun. ``rates``, in cost a second, where something is known of agents beforehand."""
    if not agents or len(set(agents)) != len(agents):
        raise SwarmSettingsRefused("Work is shared among one agent or more, each named once.")
    if not 1 <= least_items <= most_items:
        raise SwarmSettingsRefused("A parcel has one item or more, and least_items is not above most_items.")
    known = np.array([(rates or {}).get(name, 0.0) for name in agents], dtype=np.float64)
    if not np.isfinite(known).all() or (known < 0).any():
        raise SwarmSettingsRefused("The rate of an agent is a number above 0.")
    shape = (len(agents), items.kinds)
    pools = tuple(((int(a), int(b)),) if a < b else () for a, b in zip(items.edges, items.edges[1:], strict=False))
    return Forager(
        items=items,
        agents=tuple(agents),
        trail=np.broadcast_to(known[:, None], shape).copy(),
        heard=np.broadcast_to((known > 0).astype(np.int64)[:, None], shape).copy(),
        failures=np.zeros(len(agents), dtype=np.int64),
        pools=pools,
        out={},
        seed=seed,
        sent=0,
        least_items=least_items,
        most_items=most_items,
    )
