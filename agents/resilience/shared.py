"""What all workers decide together: the state in Redis, each decision one script, one round trip."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis import Redis

from agents.resilience.guarding import Barrier, Held, Let
from agents.resilience.link import Link
from agents.resilience.outcomes import Outcome
from agents.resilience.rules import Rules
from agents.resilience.scripts import Scripts, scripts
from agents.resilience.states import CircuitState
from agents.resilience.values import Admitted, Change, Order, Standing

PREFIX = "phasegate:resilience:"
SEPARATOR = "\x1f"
"""Between the parts of a place's name; no id has it."""


class OrdersUnknown(Exception):
    """Redis was emptied: what operators forced has to be set before anybody is let through."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What Redis tells of an agent; ``left`` are seconds of an open circuit, probes that are out of a half open one."""

    state: CircuitState = CircuitState.CLOSED
    left: float = 0.0
    running: int = 0
    paused_for: float = 0.0
    generation: int = 0
    rate: float | None = None

    def under(self, rules: Rules) -> Standing:
        """The standing of an agent of these rules."""
        limit = rules.rate.limit
        if self is _QUIET:
            return _quiet(rules.places, limit)
        return Standing(
            state=self.state,
            open=self._lets_nothing_through(rules),
            full=self.running >= rules.places,
            running=self.running,
            limit=rules.places,
            paused_for=self.paused_for,
            rate=self.rate if limit is None else min(limit, self.rate or limit),
            generation=self.generation,
        )

    def _lets_nothing_through(self, rules: Rules) -> bool:
        if self.state is CircuitState.HALF_OPEN:
            return self.left >= rules.circuit.probes
        return self.state is CircuitState.FORCED_OPEN or (self.state is CircuitState.OPEN and self.left > 0)


class Shared:
    """The state of all agents, as one Redis holds it. Every method raises ``RedisAway`` where it does not answer."""

    def __init__(self, link: Link, on: Scripts | None = None, prefix: str = PREFIX) -> None:
        self._link, self._on, self._prefix = link, on or scripts(), prefix
        self._known = f"{prefix}known"

    def admit(
        self, agent_id: str, project_id: str, place: str, rules: Rules, project_places: int
    ) -> tuple[Let | Held, Change | None]:
        """As ``guarding.admit``. Raises ``OrdersUnknown`` too."""
        keys = (self._known, *self._keys(agent_id, project_id))
        answer = self._link.run(self._on.admit, keys, (place, _wire(rules), str(project_places)))
        match answer:
            case [b"let", generation, probe, *changed]:
                return Let(int(generation), probe == b"1"), _change(agent_id, changed)
            case [b"held", barrier, wait]:
                return Held(Barrier(barrier.decode()), float(wait)), None
        raise OrdersUnknown

    def ended(
        self, admitted: Admitted, outcome: Outcome | None, seconds: float | None, *, release: bool
    ) -> Change | None:
        """As ``guarding.ended`` where there is an outcome, then ``guarding.given_back`` where it is to be released."""
        outcome_parts = ("", "-1", "-1", "") if outcome is None else _outcome(outcome, seconds)
        given = (admitted.place, _wire(admitted.rules), str(admitted.generation), *outcome_parts, "01"[release])
        return _change(
            admitted.agent_id,
            self._link.run(self._on.ended, self._keys(admitted.agent_id, admitted.project_id), given),
        )

    def renew(self, held: Sequence[Admitted], lease: float) -> list[Admitted]:
        """As ``guarding.renewed`` for each: gives those that were lost."""
        keys = [key for one in held for key in self._keys(one.agent_id, one.project_id)[1:]]
        given = [part for one in held for part in (one.place, str(one.rules.places), str(one.project_places))]
        return [held[int(number)] for number in self._link.run(self._on.renew, keys, (repr(lease), *given))]

    def standing(self, agent_ids: Sequence[str]) -> list[Seen]:
        """How agents stand, in their order. Raises ``OrdersUnknown`` too."""
        answer = self._link.run(self._on.standing, (self._known,), (self._prefix, json.dumps(agent_ids)))
        if answer == b"unset":
            raise OrdersUnknown
        seen = [_QUIET] * len(agent_ids)
        for number, state, left, running, paused, generation, rate in json.loads(answer):
            free = None if rate < 0 else float(rate)
            seen[number] = Seen(CircuitState(state), float(left), running, float(paused), generation, free)
        return seen

    def obey(self, orders: Sequence[Order], *, all_there_are: bool = False) -> list[Change]:
        """Force circuits as operators said; an order that is older than what is known does nothing."""
        keys = [key for order in orders for key in (self._agent(order.agent_id), self._key("probes", order.agent_id))]
        given = [part for order in orders for part in (order.state.value, str(order.version), order.why)]
        answers = self._link.run(self._on.force, (self._known, *keys), ("01"[all_there_are], *given))
        changes = (_change(order.agent_id, answer) for order, answer in zip(orders, answers, strict=True))
        return [change for change in changes if change is not None]

    def describe(self, agent_id: str) -> dict[str, Any]:
        """Everything that is known of an agent, for people."""

        def ask(client: Redis) -> Any:
            with client.pipeline(transaction=True) as together:
                together.time()
                together.hgetall(self._agent(agent_id))
                together.zrange(self._key("places", agent_id), 0, -1, withscores=True)
                together.zrange(self._key("probes", agent_id), 0, -1, withscores=True)
                return together.execute()

        (seconds, micro), raw, places, probes = self._link.call(ask)
        fields = {name.decode(): value.decode() for name, value in raw.items()}
        return _described(seconds + micro / 1e6, fields, places, probes)

    def forget(self, agent_id: str) -> None:
        """Of an agent that is gone, nothing is kept."""
        keys = (self._agent(agent_id), self._key("places", agent_id), self._key("probes", agent_id))
        self._link.call(lambda client: client.delete(*keys))

    def _agent(self, agent_id: str) -> str:
        return f"{self._prefix}agent:{agent_id}"

    def _key(self, kind: str, owner: str) -> str:
        return f"{self._prefix}{kind}:{owner}"

    def _keys(self, agent_id: str, project_id: str) -> tuple[str, str, str, str]:
        start = self._prefix
        return (
            f"{start}agent:{agent_id}",
            f"{start}places:{agent_id}",
            f"{start}probes:{agent_id}",
            f"{start}project:{project_id}",
        )


_QUIET = Seen()


@functools.lru_cache(maxsize=1024)
def _quiet(places: int, limit: float | None) -> Standing:
    """Of nearly all agents nothing is known; they share what there is to say."""
    return Standing(full=places == 0, limit=places, rate=limit)


@functools.lru_cache(maxsize=4096)
def _wire(rules: Rules) -> bytes:
    """Rules as ``prelude.lua`` reads them."""
    circuit, rate = rules.circuit, rules.rate
    parts = (
        *(rules.places, rules.lease),
        *(circuit.failures, circuit.window, circuit.pause, circuit.longest_pause, circuit.probes),
        *(-1 if rate.limit is None else rate.limit, int(rate.adaptive)),
        *(rate.top, rate.bottom, rate.increase, rate.decrease, rate.slow_factor),
    )
    return json.dumps(parts).encode()


def _outcome(outcome: Outcome, seconds: float | None) -> tuple[str, str, str, str]:
    after = -1.0 if outcome.retry_after is None else outcome.retry_after
    return outcome.ending.value, repr(after), repr(-1.0 if seconds is None else seconds), outcome.why


def _change(agent_id: str, parts: Sequence[bytes]) -> Change | None:
    if not parts:
        return None
    before, after, why = (part.decode() for part in parts)
    return Change(agent_id, CircuitState(before), CircuitState(after), why)


def _described(
    now: float, fields: dict[str, str], places: list[tuple[bytes, float]], probes: list[tuple[bytes, float]]
) -> dict[str, Any]:
    def number(name: str) -> float:
        return float(fields.get(name) or 0.0)

    state = CircuitState(fields.get("state", CircuitState.CLOSED))
    failures = [_moment(float(moment)) for moment in fields.get("failures", "").split()]
    out = {place for place, end in probes if end > now}
    return {
        "circuit": {
            "state": state.value,
            "since": _moment(number("since")) if number("since") else None,
            "why": fields.get("why", ""),
            "closed_for": max(0.0, number("until") - now) if state is CircuitState.OPEN else 0.0,
            "openings_in_a_row": int(number("trips")),
            "failures": failures,
        },
        "paused_for": max(0.0, number("paused") - now),
        "rate": {
            "limit": float(fields["rate"]) if fields.get("rate") else None,
            "latency": number("fast"),
            "usual_latency": number("slow"),
        },
        "places": [_holder(place, end - now, place in out) for place, end in places if end > now],
    }


def _holder(place: bytes, lease: float, probe: bool) -> dict[str, Any]:
    worker, _agent, project, _number = place.decode().split(SEPARATOR)
    return {"worker": worker, "project": project, "lease_ends_in": lease, "probe": probe}


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
