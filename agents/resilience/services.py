"""Admission to agents, for the engine, the API, the admin and commands. One desk a process, made when it is needed.

A step asks ``admit``, calls the agent, and ``settle``s; a worker that does many steps of one agent in a row ``report``s
and ``keep``s its place between them, and calls ``renew`` every third of ``PHASEGATE_PLACE_SECONDS``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction

from agents.resilience import orders
from agents.resilience.circuit import CircuitRules
from agents.resilience.desk import Desk, House
from agents.resilience.link import Link
from agents.resilience.outcomes import Outcome, delay_with, is_retryable, outcome_of
from agents.resilience.rate import RateRules
from agents.resilience.rules import Rules
from agents.resilience.shared import SEPARATOR
from agents.resilience.values import Admitted, Change, Refused, Standing
from agents.resilience.watching import unwatch, watch
from agents.values import Performer
from orchestrator_site.access.actors import Actor
from orchestrator_site.conf import Conf, conf
from orchestrator_site.errors import InvalidInput

__all__ = [
    "Admitted",
    "Change",
    "Outcome",
    "Refused",
    "Standing",
    "admit",
    "delay_with",
    "describe",
    "end",
    "force",
    "forget",
    "hold",
    "is_retryable",
    "keep",
    "leave",
    "outcome_of",
    "release",
    "renew",
    "report",
    "rules_of",
    "set_orders",
    "settle",
    "standing",
    "unwatch",
    "watch",
]

Kept = Mapping[str, Any]
"""A place that was left to an agent, as JSON can hold it: whoever has it may renew it and give it back."""

_desk: Desk | None = None


def desk() -> Desk:
    """The desk of this process. Two threads that come first may make two; both are good, and one is kept."""
    global _desk
    if _desk is None:
        _desk = open_desk(conf(), str(settings.CACHES["default"]["LOCATION"]))
    return _desk


def open_desk(given: Conf, url: str) -> Desk:
    """A desk by these settings, on the Redis at ``url``."""
    house = House(_rules(given), given.project_places, given.python_agent_places, given.standing_seconds)
    return Desk(house, partial(Link, url, given.resilience_timeout_seconds), orders.standing_orders)


def close_desk() -> None:
    """Forget the desk of this process; places that it holds go when their leases end. A forked child does this, since
    neither the connection nor the places of its parent are its own."""
    global _desk
    _desk = None


os.register_at_fork(after_in_child=close_desk)


def admit(agent: Performer, project_id: str, worker: str, *, project_places: int | None = None) -> Admitted | Refused:
    """A place with the agent and in the project for one call, or why there is none now. Raises
    ``AgentSettingsRefused`` where the agent's own rules make no sense."""
    return desk().admit(agent, project_id, worker, project_places)


def keep(admitted: Admitted) -> Admitted | Refused:
    """The same place for one more call to the agent by the same project: microseconds where nothing is wrong and the
    agent's rate is not counted. Refused, the place is given back."""
    return desk().keep(admitted)


def report(admitted: Admitted, outcome: Outcome, seconds: float | None = None) -> None:
    """How a call ended, and the seconds that it took; the place is kept."""
    desk().report(admitted, outcome, seconds)


def release(admitted: Admitted) -> None:
    """Give the place back; twice does nothing."""
    desk().release(admitted)


def settle(admitted: Admitted, outcome: Outcome, seconds: float | None = None) -> None:
    """``report`` and ``release`` in one round trip."""
    desk().settle(admitted, outcome, seconds)


def renew() -> list[Admitted]:
    """Longer leases for all places of this process; gives those that were lost, whose calls should stop."""
    return desk().renew()


def leave(admitted: Admitted, seconds: float) -> Kept:
    """Leave the place to the agent, which took the work and will answer later: it is its own for so many seconds, and
    this process renews it no longer."""
    kept = desk().leave(admitted, seconds)
    return {"place": kept.place, "project_places": kept.project_places, "generation": kept.generation}


def hold(agent: Performer, kept: Kept, seconds: float) -> None:
    """The agent was heard of: its place is its own for so many seconds from now. From any process."""
    desk().hold(_admitted(agent, kept), seconds)


def end(agent: Performer, kept: Kept, outcome: Outcome | None = None) -> None:
    """The work that was left to the agent is over: its place is free, and ``outcome`` counts as that of any call."""
    desk().end(_admitted(agent, kept), outcome)


def _admitted(agent: Performer, kept: Kept) -> Admitted:
    _worker, agent_id, project_id, _number = kept["place"].split(SEPARATOR)
    places, generation = kept["project_places"], kept["generation"]
    return Admitted(agent_id, project_id, kept["place"], desk().rules(agent), places, generation, probe=False)


def standing(agents: Iterable[Performer]) -> Mapping[str, Standing]:
    """How agents stand, by id; for any number of them one round trip in ``PHASEGATE_STANDING_SECONDS``."""
    return desk().standing(agents)


def rules_of(agent: Performer) -> Rules:
    """What holds for an agent. Raises ``AgentSettingsRefused``: a good check when one is registered."""
    return desk().rules(agent)


def describe(agent_id: str) -> dict[str, Any]:
    """Circuit, pause, rate and who holds which place, as JSON can hold it."""
    return desk().describe(agent_id)


def force(agent_id: str, state: str, *, actor: Actor, reason: str = "") -> None:
    """Force an agent's circuit ``open`` or ``closed``, or leave it to itself again: ``auto``.

    Raises ``AgentNotFound``, ``CapabilityMissing``, ``InvalidInput``. Redis follows after the commit.
    """
    if state not in orders.WORDS:
        raise InvalidInput(f"A circuit is forced {', '.join(orders.WORDS)}; not {state!r}.")
    with transaction.atomic():
        order = orders.write(agent_id, orders.WORDS[state], actor=actor, reason=reason)
        transaction.on_commit(lambda: desk().obey(order))


def set_orders() -> None:
    """Set in Redis all that operators forced; for the start of a worker. Raises ``RedisAway``."""
    desk().set_orders()


def forget(agent_id: str) -> None:
    """Keep nothing of an agent that is gone."""
    desk().forget(agent_id)


def _rules(given: Conf) -> Rules:
    return Rules(
        circuit=CircuitRules(
            given.circuit_failures,
            given.circuit_window_seconds,
            given.circuit_pause_seconds,
            given.circuit_pause_cap_seconds,
            given.circuit_probes,
        ),
        rate=RateRules(
            floor=given.rate_floor,
            ceiling=given.rate_ceiling,
            increase=given.rate_increase,
            decrease=given.rate_decrease,
            slow_factor=given.rate_slow_factor,
        ),
        places=given.agent_places,
        lease=given.place_seconds,
    )
