"""The circuit of one agent: when calls go through to it, and what follows from how they end.

M. Nygard, "Release It!" (2007), with two changes: a probe is leased, so that a worker which dies with one does not
keep the circuit half open for ever; and an outcome counts only in the circuit's generation in which the call was let
through, so that stragglers of an outage do not open the circuit again after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agents.resilience.states import FORCED, CircuitState

PROBE_WAIT = 1.0
"""Seconds after which to ask again while all probes are out; sooner where a probe's lease ends before."""


@dataclass(frozen=True, slots=True)
class CircuitRules:
    """``failures`` within ``window`` seconds open it, for ``pause`` seconds; the pause doubles up to ``longest_pause``
    with each probe that fails; ``probes`` may be out at once."""

    failures: int = 5
    window: float = 60.0
    pause: float = 10.0
    longest_pause: float = 300.0
    probes: int = 1


@dataclass(frozen=True, slots=True)
class Circuit:
    """What is known of a circuit.

    Moments in seconds of one clock: ``since`` it has its state, ``until`` it lets nothing through, ``failures`` the
    last that counted, oldest first. ``trips`` openings in a row; ``generation`` grows with every change;
    ``probes`` by place, with the end of their leases.
    """

    state: CircuitState = CircuitState.CLOSED
    since: float = 0.0
    why: str = ""
    until: float = 0.0
    trips: int = 0
    generation: int = 0
    failures: tuple[float, ...] = ()
    probes: Mapping[str, float] = field(default_factory=dict)


def wait(circuit: Circuit, rules: CircuitRules, now: float, place: str = "") -> float:
    """Seconds until a call may go through: 0 for now. ``place`` is that of the caller, who may have a probe already."""
    if circuit.state in (CircuitState.CLOSED, CircuitState.FORCED_CLOSED):
        return 0.0
    if circuit.state is CircuitState.FORCED_OPEN:
        return rules.pause  # no longer, for an operator may end it at any moment
    if circuit.state is CircuitState.OPEN:
        return max(0.0, circuit.until - now)
    out = _live(circuit, now)
    if place in out or len(out) < rules.probes:
        return 0.0
    return min(PROBE_WAIT, *(end - now for end in out.values()))


def let_through(circuit: Circuit, now: float, place: str, lease_end: float) -> Circuit:
    """After ``wait`` gave 0: the circuit with the call on its way; after a pause the call is a probe."""
    if circuit.state is CircuitState.OPEN:
        return _changed(circuit, CircuitState.HALF_OPEN, now, "its pause is over", probes={place: lease_end})
    if circuit.state is CircuitState.HALF_OPEN:
        return replace(circuit, probes=_live(circuit, now) | {place: lease_end})
    return circuit


def is_probe(circuit: Circuit, now: float, place: str) -> bool:
    """Whether the place has a probe whose lease has not ended."""
    return place in _live(circuit, now)


def succeeded(circuit: Circuit, now: float, place: str) -> Circuit:
    """After a call that the agent answered: a probe closes the circuit."""
    if circuit.state is CircuitState.HALF_OPEN and is_probe(circuit, now, place):
        return _changed(circuit, CircuitState.CLOSED, now, "a probe succeeded", trips=circuit.trips)
    return circuit


def failed(circuit: Circuit, rules: CircuitRules, now: float, place: str, generation: int, why: str) -> Circuit:
    """After a call that failed, let through in ``generation``."""
    if circuit.state is CircuitState.HALF_OPEN and is_probe(circuit, now, place):
        return _opened(circuit, rules, now, f"a probe failed: {why}", circuit.trips + 1)
    if circuit.state is not CircuitState.CLOSED or circuit.generation != generation:
        return circuit
    failures = (*circuit.failures, now)[-rules.failures :]
    if len(failures) < rules.failures or now - failures[0] > rules.window:
        return replace(circuit, failures=failures)
    # Closed for less than a window before it fails again: the agent is not well yet, and its pauses go on growing.
    trips = circuit.trips + 1 if now - circuit.since <= rules.window else 1
    return _opened(circuit, rules, now, f"{rules.failures} failures within {rules.window:g} s: {why}", trips)


def given_back(circuit: Circuit, place: str) -> Circuit:
    """Without the place's probe, if it had one: another may go."""
    if place not in circuit.probes:
        return circuit
    return replace(circuit, probes={held: end for held, end in circuit.probes.items() if held != place})


def renewed(circuit: Circuit, now: float, place: str, lease_end: float) -> Circuit:
    """With the lease of the place's probe made longer, if it has one that has not ended."""
    return replace(circuit, probes={**circuit.probes, place: lease_end}) if is_probe(circuit, now, place) else circuit


def forced(circuit: Circuit, now: float, to: CircuitState, why: str) -> Circuit:
    """As an operator says: forced open, forced closed, or closed, which leaves it to itself again."""
    if circuit.state is to and to in FORCED:
        return replace(circuit, why=why)
    if to not in FORCED and circuit.state not in FORCED:
        return circuit
    return _changed(circuit, to, now, why)


def _opened(circuit: Circuit, rules: CircuitRules, now: float, why: str, trips: int) -> Circuit:
    # Beyond 2**30 the longest pause has long decided.
    pause = min(rules.longest_pause, rules.pause * 2.0 ** min(trips - 1, 30))
    return _changed(circuit, CircuitState.OPEN, now, why, until=now + pause, trips=trips)


def _changed(
    circuit: Circuit,
    to: CircuitState,
    now: float,
    why: str,
    *,
    until: float = 0.0,
    trips: int | None = None,
    probes: Mapping[str, float] | None = None,
) -> Circuit:
    kept = circuit.trips if to is CircuitState.HALF_OPEN else 0
    return Circuit(to, now, why, until, kept if trips is None else trips, circuit.generation + 1, (), probes or {})


def _live(circuit: Circuit, now: float) -> dict[str, float]:
    return {place: end for place, end in circuit.probes.items() if end > now}
