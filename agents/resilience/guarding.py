"""All that stands before one agent, decided together: its pause, circuit, bulkheads and rate.

The order of the questions is the order of what would last longest. Nothing is taken unless everything is free, so
that a call held back by one leaves no trace in another. ``lua/`` says the same in Redis.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from agents.resilience import circuit as circuits
from agents.resilience import rate as rates
from agents.resilience.circuit import Circuit
from agents.resilience.outcomes import Ending, Outcome
from agents.resilience.places import Places
from agents.resilience.rate import Rate
from agents.resilience.rules import Rules

FULL_WAIT = 0.5
"""Seconds after which to ask a full bulkhead again: nobody can know when a place comes free."""


class Barrier(StrEnum):
    """What holds a call back."""

    PAUSED = "paused"  # the agent asked to be left alone for a while
    CIRCUIT = "circuit"  # its circuit is open
    AGENT_FULL = "agent_full"  # it does as much at once as it may
    PROJECT_FULL = "project_full"  # the project does
    RATE = "rate"  # it gets as many calls a second as it may


@dataclass(frozen=True, slots=True)
class Guard:
    """What is known of one agent; ``paused_until`` in seconds of the clock of all the rest."""

    circuit: Circuit = field(default_factory=Circuit)
    places: Places = field(default_factory=Places)
    rate: Rate = field(default_factory=Rate)
    paused_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Let:
    """The call may go, in this generation of the circuit."""

    generation: int
    probe: bool


@dataclass(frozen=True, slots=True)
class Held:
    """The call is held back; ``wait`` seconds until it is worth asking again."""

    barrier: Barrier
    wait: float


def admit(
    guard: Guard, project: Places, rules: Rules, project_places: int, now: float, place: str
) -> tuple[Guard, Places, Let | Held]:
    """Ask for ``place``, or for one more call in it where it is held already."""
    held = _barrier(guard, project, rules, project_places, now, place)
    if held is not None:
        return guard, project, held
    lease_end = now + rules.lease
    circuit = circuits.let_through(guard.circuit, now, place, lease_end)
    after = replace(
        guard,
        circuit=circuit,
        places=guard.places.taken(place, lease_end, now),
        rate=rates.sent(guard.rate, rules.rate, now),
    )
    let = Let(circuit.generation, circuits.is_probe(circuit, now, place))
    return after, project.taken(place, lease_end, now), let


def ended(
    guard: Guard, rules: Rules, now: float, place: str, generation: int, outcome: Outcome, seconds: float | None
) -> Guard:
    """What a call's end says about the agent. The place is kept: see ``given_back``."""
    match outcome.ending:
        case Ending.ANSWERED:
            rate = guard.rate if seconds is None else rates.answered(guard.rate, rules.rate, now, seconds)
            return replace(guard, circuit=circuits.succeeded(guard.circuit, now, place), rate=rate)
        case Ending.REJECTED:
            return replace(guard, circuit=circuits.succeeded(guard.circuit, now, place))
        case Ending.ABANDONED:
            return replace(guard, circuit=circuits.given_back(guard.circuit, place))
        case Ending.BUSY if outcome.retry_after is not None:
            # It said when: that is an answer, and no failure.
            return replace(
                guard,
                circuit=circuits.given_back(guard.circuit, place),
                rate=rates.pushed_back(guard.rate, rules.rate, now),
                paused_until=max(guard.paused_until, now + outcome.retry_after),
            )
    pushes = outcome.ending in (Ending.TIMED_OUT, Ending.BUSY)
    return replace(
        guard,
        circuit=circuits.failed(guard.circuit, rules.circuit, now, place, generation, outcome.why),
        rate=rates.pushed_back(guard.rate, rules.rate, now) if pushes else guard.rate,
    )


def given_back(guard: Guard, project: Places, place: str) -> tuple[Guard, Places]:
    """The place is free again, and its probe."""
    free = replace(guard, circuit=circuits.given_back(guard.circuit, place), places=guard.places.without(place))
    return free, project.without(place)


def renewed(
    guard: Guard, project: Places, rules: Rules, project_places: int, now: float, place: str
) -> tuple[Guard, Places, bool]:
    """A longer lease for the place and its probe.

    A place whose lease had ended, or that Redis forgot, is taken anew where there is room; False where there is none,
    which frees what is left of it.
    """
    if not (guard.places.room_for(place, rules.places, now) and project.room_for(place, project_places, now)):
        return *given_back(guard, project, place), False
    end = now + rules.lease
    after = replace(
        guard,
        circuit=circuits.renewed(guard.circuit, now, place, end),
        places=guard.places.taken(place, end, now),
    )
    return after, project.taken(place, end, now), True


def _barrier(guard: Guard, project: Places, rules: Rules, project_places: int, now: float, place: str) -> Held | None:
    if guard.paused_until > now:
        return Held(Barrier.PAUSED, guard.paused_until - now)
    if (wait := circuits.wait(guard.circuit, rules.circuit, now, place)) > 0:
        return Held(Barrier.CIRCUIT, wait)
    if not guard.places.room_for(place, rules.places, now):
        return Held(Barrier.AGENT_FULL, FULL_WAIT)
    if not project.room_for(place, project_places, now):
        return Held(Barrier.PROJECT_FULL, FULL_WAIT)
    if (wait := rates.wait(guard.rate, rules.rate, now)) > 0:
        return Held(Barrier.RATE, wait)
    return None
