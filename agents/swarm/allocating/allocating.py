"""Who does what: an assignment of all items to agents, by letting a forager work in simulated time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agents.swarm.allocating.forager import Forager, begin_foraging
from agents.swarm.allocating.items import Parcel, items_of
from agents.swarm.errors import SwarmSettingsRefused
from agents.swarm.exact import Floats, Integers

Takes = Callable[[Parcel, float], float | None]


@dataclass(frozen=True, slots=True)
class Worker:
    """An agent to allocate to: ``rate`` in cost a second, and how many parcels it works on at once, each as fast."""

    name: str
    rate: float = 1.0
    capacity: int = 1


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who does what. ``agent_of`` has for each item the place of its agent in ``agents``, shape ``(n,)``.

    ``parcels`` in the order in which they went out, without those that were lost; ``busy`` seconds of each agent,
    ``seconds`` until all is done, ``lost`` parcels whose agent failed.
    """

    agents: tuple[str, ...]
    agent_of: Integers
    parcels: tuple[Parcel, ...]
    busy: Mapping[str, float]
    seconds: float
    lost: int

    def counts(self) -> dict[str, int]:
        """How many items each agent has."""
        numbers = np.bincount(self.agent_of, minlength=len(self.agents)).tolist()
        return dict(zip(self.agents, numbers, strict=True))


def allocate(
    costs: Sequence[float] | Floats,
    workers: Sequence[Worker],
    *,
    kinds: Sequence[int] | Integers | None = None,
    seed: int = 0,
    most_items: int = 5_000,
) -> Assignment:
    """An assignment of items to workers by their costs and the workers' rates and capacities.

    Raises ``SwarmSettingsRefused`` for a cost, a rate or a capacity that is not above 0.
    """
    rates = {worker.name: worker.rate for worker in workers}
    if any(worker.rate <= 0 or worker.capacity < 1 for worker in workers):
        raise SwarmSettingsRefused("Every worker needs a rate above 0 and a capacity of 1 or more.")
    items = items_of(costs, kinds)
    begun = begin_foraging(items, list(rates), rates=rates, seed=seed, most_items=most_items)
    takes: Takes = lambda parcel, now: items.cost(parcel.start, parcel.end) / rates[parcel.agent]  # noqa: E731
    return worked_off(begun, {worker.name: worker.capacity for worker in workers}, takes)


def worked_off(begun: Forager, capacities: Mapping[str, int], takes: Takes) -> Assignment:
    """What becomes of it where each parcel takes the seconds that ``takes(parcel, now)`` says; None where its agent
    fails.

    An agent that fails is told of at once. Raises ``NobodyLeft`` where all have failed and work is left.
    """
    state, items = begun, begun.items
    agent_of = np.full(len(items), -1, dtype=np.int64)
    busy = dict.fromkeys(begun.agents, 0.0)
    parcels, lost, now = [], 0, 0.0
    underway: list[tuple[float, int, float | None]] = []
    free = [name for name in begun.agents for _ in range(capacities.get(name, 1))]
    while not state.done:
        state, sent = state.ask(free)
        for parcel in sent:
            seconds = takes(parcel, now)
            heapq.heappush(underway, (now + (seconds or 0.0), parcel.number, seconds))
        now, number, seconds = heapq.heappop(underway)
        parcel = state.out[number]
        state, free = state.tell(number, seconds), [parcel.agent]
        if seconds is None:
            lost += 1
            free = _idle(state, capacities)
            continue
        parcels.append(parcel)
        busy[parcel.agent] += seconds
        agent_of[items.numbers(parcel)] = begun.agents.index(parcel.agent)
    return Assignment(begun.agents, agent_of, tuple(parcels), busy, now, lost)


def _idle(state: Forager, capacities: Mapping[str, int]) -> list[str]:
    """Agents with room: work that came back is for whoever has none."""
    has = [parcel.agent for parcel in state.out.values()]
    return [name for name in state.agents for _ in range(capacities.get(name, 1) - has.count(name))]
