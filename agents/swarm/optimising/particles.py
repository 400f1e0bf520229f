"""Particle swarm optimisation.

Kennedy and Eberhart, "Particle swarm optimization", ICNN 1995; inertia by Shi and Eberhart, "A modified particle swarm
optimizer", CEC 1998. The defaults are Clerc and Kennedy's constriction (2002) written as inertia. Neighbourhoods by
Kennedy and Mendes, "Population structure and particle swarm performance", CEC 2002.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from agents.swarm.exact import Array, Floats, Integers
from agents.swarm.optimising.differences import free_steps
from agents.swarm.optimising.measuring import limits, scattered, within
from agents.swarm.optimising.spec import AtBounds, Particles, SwarmSpec, Topology

_FASTEST = 0.5  # of a variable's range in one generation, as Eberhart and Shi, CEC 2000, bound it


class ParticleSwarm:
    """Particles that fly between their own best place and the best that their neighbours found."""

    def propose(self, spec: SwarmSpec, arrays: Mapping[str, Array], rng: np.random.Generator) -> dict[str, Array]:
        """``candidates`` and ``velocity``, shape ``(population, d)`` both."""
        low, high = limits(spec)
        if not arrays:
            places = scattered(spec.population, low, high, rng)
            return {"candidates": places, "velocity": (scattered(spec.population, low, high, rng) - places) / 2}
        settings = spec.particles or Particles()
        own, value, place = arrays["own"], arrays["value"], arrays["places"]
        heard = own[leaders(settings.topology, value)]
        first, second = rng.random((2, *place.shape))
        velocity = (
            settings.inertia * arrays["velocity"]
            + settings.cognitive * first * (own - place)
            + settings.social * second * (heard - place)
        )
        fastest = _FASTEST * (high - low)
        velocity = np.clip(velocity, -fastest, fastest)
        flown = _inside(place + velocity, velocity, low, high, settings.at_bounds)
        jumps = rng.random(len(place)) < settings.jumps
        jumped = within(free_steps(own, value, low, high, rng), low, high)
        return {
            "candidates": np.where(jumps[:, None], jumped, flown["candidates"]),
            "velocity": np.where(jumps[:, None], arrays["velocity"], flown["velocity"]),
            "jumps": jumps,
        }

    def learn(
        self, spec: SwarmSpec, arrays: Mapping[str, Array], proposed: Mapping[str, Array], cost: Floats
    ) -> dict[str, Array]:
        """Each particle remembers the better of its best place and where it is now."""
        places = proposed["candidates"]
        if not arrays:
            return {"places": places, "velocity": proposed["velocity"], "own": places, "value": cost}
        better = cost < arrays["value"]
        # Who jumped and found nothing better is back where it was, and flies on from there.
        back = proposed["jumps"] & ~better
        return {
            "places": np.where(back[:, None], arrays["places"], places),
            "velocity": proposed["velocity"],
            "own": np.where(better[:, None], places, arrays["own"]),
            "value": np.where(better, cost, arrays["value"]),
        }

    def living(self, arrays: Mapping[str, Array]) -> Floats:
        """Where the swarm is, to measure its diversity by."""
        return arrays["own"]


def _inside(places: Floats, velocity: Floats, low: Floats, high: Floats, how: AtBounds) -> dict[str, Array]:
    """Who would leave is sent back from the bound as a ball is, or stays there; either way it has lost its speed
    outwards.
    """
    outside = (places < low) | (places > high)
    if how is AtBounds.REFLECT:
        places = np.where(places < low, 2 * low - places, np.where(places > high, 2 * high - places, places))
        velocity = np.where(outside, -velocity / 2, velocity)
    else:
        velocity = np.where(outside, 0.0, velocity)
    return {"candidates": within(places, low, high), "velocity": velocity}


def leaders(topology: Topology, value: Floats) -> Integers:
    """Of each particle the neighbour (itself among them) with the least value; of equals the first. Shape
    ``(population,)``.
    """
    count = len(value)
    if topology is Topology.GLOBAL:
        return np.full(count, int(np.argmin(value)), dtype=np.int64)
    heard = neighbours(topology, count)
    nearest: Integers = np.argmin(value[heard], axis=1)
    found: Integers = heard[np.arange(count), nearest]
    return found


def neighbours(topology: Topology, count: int) -> Integers:
    """Whom each particle hears: two on the ring, four on a grid that is wound round a torus; and itself."""
    row = int(np.sqrt(count))
    steps = {
        Topology.GLOBAL: range(count),
        Topology.RING: (0, -1, 1),
        Topology.VON_NEUMANN: (0, -1, 1, -row, row),
    }[topology]
    found: Integers = (np.arange(count)[:, None] + np.array(steps)) % count
    return found
