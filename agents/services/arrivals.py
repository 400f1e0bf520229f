"""Telling others that agents can take steps which could not before: new ones, changed ones, those that are well again.

Applications above register themselves here, for the registry knows none of them. They are told after the commit of
the change, in the process that made it. Where that process dies in between nobody is told: who waits for an agent
looks by itself from time to time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from uuid import UUID

from django.db import transaction

from agents.models import Agent, AgentCapability
from agents.states import TAKES_STEPS

__all__ = ["Observer", "on_arrival", "tell"]

logger = logging.getLogger(__name__)

Observer = Callable[[Collection[str], Collection[str]], object]
"""Takes the names of agents, and the capabilities that they have between them."""

_observers: list[Observer] = []


def on_arrival(observer: Observer) -> Observer:
    """Have a function told of agents that can take steps now. At the start of a process, as a decorator."""
    if observer not in _observers:
        _observers.append(observer)
    return observer


def tell(agents: Iterable[UUID | str]) -> None:
    """Tell of those of the agents that take steps, once the transaction is committed."""
    arrived = list(agents)
    if arrived and _observers:
        transaction.on_commit(lambda: _tell(arrived))


def _tell(arrived: list[UUID | str]) -> None:
    try:
        names = dict(Agent.objects.filter(pk__in=arrived, state__in=TAKES_STEPS).values_list("pk", "name"))
        if not names:
            return
        offered = AgentCapability.objects.filter(agent_id__in=list(names)).values_list("name", flat=True)
        capabilities = set(offered)
        for observer in _observers:
            observer(list(names.values()), capabilities)
    except Exception:
        logger.exception("it could not be told that %s agents can take steps", len(arrived))
