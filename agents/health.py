"""How well an agent does, as a number, and which state that number means.

The score is a product of four factors, because any one of them alone can make an agent useless: an agent that fails
every call is not made good by being quick, and one that nobody hears of is not made good by its past.

    health = success x latency x load x freshness

- **success**, 0 to 1: the part of recent calls that succeeded. ``PRIOR`` calls are taken to have succeeded before the
  first was made, so that one failure of a new agent does not condemn it (additive smoothing). Counts fade by half in
  ``HALF_LIFE`` seconds; an agent that gets no calls since it failed comes back by itself and is tried again.
- **latency**, 0.5 to 1: recent latency against the agent's own baseline, never against others', for one does in
  milliseconds what is another's work of minutes. Up to ``SLOW`` times the baseline is noise; from there it falls
  with the logarithm of the ratio, to a half at ``VERY_SLOW`` times. Being slow never makes unhealthy by itself.
- **load**, 0.8 to 1: only what is above a half counts, and little, for a busy agent is not a sick one.
- **freshness**, 0 to 1: full for two heartbeat intervals, as one heartbeat may be lost, then straight down to nothing
  at the limit of silence, where the agent is gone.

States have two bounds each (hysteresis): an agent falls at the lower and rises at the upper one, so that a score that
trembles around one number does not move it to and fro.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from agents.states import AgentState

HEALTH_STEPS = 50
LOAD_STEPS = 10
"""How coarse the order of discovery is: a fiftieth of health, a tenth of load. See ``Agent.standing``."""

PRIOR = 4.0
"""Calls that are taken to have succeeded before the first."""
HALF_LIFE = 60.0
"""Seconds in which a call counts half."""
SLOW = 2.0
VERY_SLOW = 10.0
SLOWEST = 0.5
FULL = 0.8

FALLS_TO_DEGRADED = 0.7
RISES_TO_HEALTHY = 0.8
FALLS_TO_UNHEALTHY = 0.3
RISES_TO_DEGRADED = 0.4


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known of an agent at a moment.

    ``successes`` and ``failures`` are faded counts; ``latency`` and ``baseline`` in seconds, 0.0 where nothing was
    measured; ``load`` from 0.0 to 1.0, more counts as 1.0; ``silence`` in seconds since it was last heard of.
    """

    successes: float = 0.0
    failures: float = 0.0
    latency: float = 0.0
    baseline: float = 0.0
    load: float = 0.0
    silence: float = 0.0


def score(signs: Signs, *, interval: float, limit: float) -> float:
    """The health, from 0.0 to 1.0. ``interval`` of heartbeats and ``limit`` of silence in seconds."""
    return (
        success(signs.successes, signs.failures)
        * latency(signs.latency, signs.baseline)
        * load(signs.load)
        * freshness(signs.silence, interval=interval, limit=limit)
    )


def success(successes: float, failures: float) -> float:
    """The part of recent calls that succeeded, 0 to 1."""
    return (successes + PRIOR) / (successes + failures + PRIOR)


def latency(recent: float, baseline: float) -> float:
    """How near its own baseline an agent is, from ``SLOWEST`` to 1."""
    if baseline <= 0 or recent <= baseline * SLOW:
        return 1.0
    beyond = math.log(recent / (baseline * SLOW)) / math.log(VERY_SLOW / SLOW)
    return 1 - (1 - SLOWEST) * min(1.0, beyond)


def load(given: float) -> float:
    """What its load takes from an agent, from ``FULL`` to 1."""
    return 1 - (1 - FULL) * min(1.0, max(0.0, 2 * given - 1))


def freshness(silence: float, *, interval: float, limit: float) -> float:
    """How certain it is that an agent lives, 0 to 1."""
    quiet = min(2 * interval, limit)
    if silence <= quiet:
        return 1.0
    return max(0.0, 1 - (silence - quiet) / (limit - quiet)) if limit > quiet else 0.0


def state_after(before: AgentState, health: float) -> AgentState:
    """The state that a score moves an agent to. One that drains or is gone is not moved by its score."""
    if before in (AgentState.DRAINING, AgentState.GONE):
        return before
    if before is AgentState.STARTING:
        before = AgentState.HEALTHY
    if before is AgentState.UNHEALTHY:
        if health < RISES_TO_DEGRADED:
            return before
        return AgentState.HEALTHY if health >= RISES_TO_HEALTHY else AgentState.DEGRADED
    if health < FALLS_TO_UNHEALTHY:
        return AgentState.UNHEALTHY
    if before is AgentState.HEALTHY:
        return AgentState.DEGRADED if health < FALLS_TO_DEGRADED else before
    return AgentState.HEALTHY if health >= RISES_TO_HEALTHY else before


def faded(count: float, age: float) -> float:
    """What is left of a count after ``age`` seconds."""
    return float(count * 2.0 ** (-max(0.0, age) / HALF_LIFE))
