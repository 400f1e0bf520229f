"""Telling others that an agent is gone: those who have work with it, and those who want to know.

Applications above register themselves here, for the registry knows none of them. That somebody has to be told is
written in the transaction in which the agent goes, and crossed out after all were told; who dies in between leaves
it to the next sweep. So an observer is told at least once, and must not mind being told again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from agents.models import Agent
from agents.services.reading import performer_of
from agents.values import Performer

logger = logging.getLogger(__name__)

Observer = Callable[[Sequence[Performer]], object]
"""Takes those that are gone."""
Counter = Callable[[Sequence[Performer]], Mapping[str, int]]
"""Takes agents, and gives by id how many steps each has running; who is not named has none."""

_observers: list[Observer] = []
_counters: list[Counter] = []
BATCH = 500


def on_gone(observer: Observer) -> Observer:
    """Have a function told of agents that are gone. At the start of a process, as a decorator."""
    if observer not in _observers:
        _observers.append(observer)
    return observer


def counts_running(counter: Counter) -> Counter:
    """Have a function asked how much an agent that drains has running. At the start of a process, as a decorator."""
    if counter not in _counters:
        _counters.append(counter)
    return counter


def running(performers: Sequence[Performer]) -> dict[str, int]:
    """By id, how many steps each of the agents has running, by all who know."""
    found = dict.fromkeys((performer.id for performer in performers), 0)
    for counter in _counters:
        for agent, number in counter(performers).items():
            found[agent] = found.get(agent, 0) + number
    return found


def tell() -> int:
    """Tell of the departures that are not told of yet; of how many. It never raises what an observer raises."""
    gone = list(Agent.objects.untold()[:BATCH])
    if not gone:
        return 0
    performers = tuple(map(performer_of, gone))
    told = [_told(observer, performers) for observer in _observers]
    if not all(told):
        return 0
    return sum(Agent.objects.know_of(agent.pk) for agent in gone)


def _told(observer: Observer, performers: Sequence[Performer]) -> bool:
    try:
        observer(performers)
    except Exception:
        logger.exception("%s could not be told of %s agents that are gone", observer, len(performers))
        return False
    return True
