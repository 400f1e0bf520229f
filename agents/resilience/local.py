"""What a process decides by itself while Redis is away: the same decisions, on what it alone knows.

Circuits begin closed and places free, so that losing Redis stops nothing; what an operator forced stays forced, and
a rate that was in force falls to its floor. Leases are of no use here: the places die with the process.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable
from dataclasses import replace

from agents.resilience import circuit as circuits
from agents.resilience import guarding
from agents.resilience.guarding import Guard, Held, Let
from agents.resilience.outcomes import Outcome
from agents.resilience.places import Places
from agents.resilience.rate import RateRules
from agents.resilience.rules import Rules
from agents.resilience.values import Admitted, Change, Order, Standing


class Local:
    """The state of all agents, as one process sees it; for all of its threads."""

    def __init__(self) -> None:
        self._guards: dict[str, Guard] = {}
        self._projects: dict[str, Places] = {}
        self._lock = threading.Lock()

    def begin(self) -> None:
        """At the start of an outage: forget the last one, but for the places that are still taken."""
        with self._lock:
            self._guards = {
                agent_id: Guard(places=guard.places) for agent_id, guard in self._guards.items() if guard.places.held
            }
            self._projects = {project: places for project, places in self._projects.items() if places.held}

    def obey(self, orders: Iterable[Order]) -> None:
        """Force circuits as operators said."""
        now = time.monotonic()
        with self._lock:
            for order in orders:
                guard = self._guards.get(order.agent_id, Guard())
                forced = circuits.forced(guard.circuit, now, order.state, order.why)
                self._guards[order.agent_id] = replace(guard, circuit=forced)

    def admit(
        self, agent_id: str, project_id: str, place: str, rules: Rules, project_places: int
    ) -> tuple[Let | Held, Change | None]:
        """As ``guarding.admit``."""
        now = time.monotonic()
        with self._lock:
            guard, project = self._guards.get(agent_id, Guard()), self._projects.get(project_id, Places())
            after, taken, answer = guarding.admit(guard, project, _unleased(rules), project_places, now, place)
            self._guards[agent_id], self._projects[project_id] = after, taken
        return answer, _change(agent_id, guard, after)

    def ended(
        self, admitted: Admitted, outcome: Outcome | None, seconds: float | None, *, release: bool
    ) -> Change | None:
        """As ``guarding.ended`` where there is an outcome, then ``guarding.given_back`` where it is to be released."""
        now = time.monotonic()
        with self._lock:
            guard = after = self._guards.get(admitted.agent_id, Guard())
            if outcome is not None:
                rules = _unleased(admitted.rules)
                after = guarding.ended(guard, rules, now, admitted.place, admitted.generation, outcome, seconds)
            if release:
                project = self._projects.get(admitted.project_id, Places())
                after, left = guarding.given_back(after, project, admitted.place)
                self._projects[admitted.project_id] = left
            self._guards[admitted.agent_id] = after
        return _change(admitted.agent_id, guard, after)

    def standing(self, agent_id: str, rules: Rules) -> Standing:
        """How an agent stands for this process."""
        now = time.monotonic()
        guard = self._guards.get(agent_id, Guard())
        running = guard.places.running(now)
        return Standing(
            state=guard.circuit.state,
            open=circuits.wait(guard.circuit, rules.circuit, now) > 0,
            full=running >= rules.places,
            running=running,
            limit=rules.places,
            paused_for=max(0.0, guard.paused_until - now),
            generation=guard.circuit.generation,
        )


def at_the_floor(rules: Rules, *, throttled: bool) -> Rules:
    """The rules of an agent while nobody counts the calls of all workers: its floor, where its rate was limited."""
    if rules.rate.limit is None and not throttled:
        return replace(rules, rate=RateRules(adaptive=False))
    return replace(rules, rate=RateRules(limit=rules.rate.bottom, adaptive=False))


def _unleased(rules: Rules) -> Rules:
    return replace(rules, lease=math.inf)


def _change(agent_id: str, before: Guard, after: Guard) -> Change | None:
    if before.circuit.state is after.circuit.state:
        return None
    return Change(agent_id, before.circuit.state, after.circuit.state, after.circuit.why)
