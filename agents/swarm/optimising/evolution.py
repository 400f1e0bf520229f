"""A population in which the fit are chosen as mates, and whoever is less fit than its child dies.

Mates by tournament; crossover by blending, Eshelman and Schaffer, "Real-coded genetic algorithms and
interval-schemata", FOGA 1993, or by exchange; mutation by normal steps whose length each one inherits and mutates
(self-adaptation: Schwefel, "Numerical optimization of computer models", 1981); some children by the differences of
others instead. A child takes its mother's place and nobody else's, which keeps kinds apart (crowding: Mahfoud, "Niching
methods for genetic algorithms", 1995): where all compete with all, one kind is everywhere before the valley of
Rosenbrock's function is walked.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from agents.swarm.exact import Array, Floats, Integers
from agents.swarm.optimising.differences import free_steps
from agents.swarm.optimising.measuring import limits, scattered, within
from agents.swarm.optimising.spec import SwarmSpec

_TOURNAMENT = 3
_BLEND = 0.5  # how far a child may lie outside of what is between its parents, as a share of their distance
_FIRST_STEP = 0.1  # of a variable's range
_LONGEST_STEP = 0.5
_SHORTEST_STEP = 1e-12
_BY_DIFFERENCE = 0.5  # of the children; none of these, and only the sphere's minimum is found in ten of ten runs
_BLENDED = 0.5  # of the others; the rest take each variable from one parent


class Evolution:
    """Selection, crossover, mutation; birth and death by fitness."""

    def propose(self, spec: SwarmSpec, arrays: Mapping[str, Array], rng: np.random.Generator) -> dict[str, Array]:
        """The children: ``candidates`` of shape ``(population, d)`` and their ``step``, shape ``(population,)``."""
        low, high = limits(spec)
        count = spec.population
        if not arrays:
            return {"candidates": scattered(count, low, high, rng), "step": np.full(count, _FIRST_STEP)}
        father = chosen(arrays["cost"], count, rng)
        children = crossed(arrays["places"], arrays["places"][father], rng)
        inherited = np.sqrt(arrays["step"] * arrays["step"][father])
        rate = 1 / np.sqrt(2 * spec.dimensions)
        step = np.clip(inherited * np.exp(rate * rng.standard_normal(count)), _SHORTEST_STEP, _LONGEST_STEP)
        children = mutated(children, step, high - low, rng)
        by_difference = rng.random(count) < _BY_DIFFERENCE
        jumped = free_steps(arrays["places"], arrays["cost"], low, high, rng)
        return {"candidates": within(np.where(by_difference[:, None], jumped, children), low, high), "step": step}

    def learn(
        self, spec: SwarmSpec, arrays: Mapping[str, Array], proposed: Mapping[str, Array], cost: Floats
    ) -> dict[str, Array]:
        """A child that is fitter than its mother takes her place; ``births`` counts them, shape ``(1,)``."""
        born = {"places": proposed["candidates"], "cost": cost, "step": proposed["step"]}
        if not arrays:
            return {**born, "births": np.array([spec.population], dtype=np.int64)}
        lives = cost < arrays["cost"]
        return {
            "places": np.where(lives[:, None], born["places"], arrays["places"]),
            "cost": np.where(lives, cost, arrays["cost"]),
            "step": np.where(lives, born["step"], arrays["step"]),
            "births": np.array([lives.sum()], dtype=np.int64),
        }

    def living(self, arrays: Mapping[str, Array]) -> Floats:
        """Where the population is, to measure its diversity by."""
        return arrays["places"]


def chosen(cost: Floats, count: int, rng: np.random.Generator) -> Integers:
    """``count`` mates, each the best of three drawn at random."""
    drawn = rng.integers(len(cost), size=(count, _TOURNAMENT))
    winner = np.argmin(cost[drawn], axis=1)
    mates: Integers = drawn[np.arange(count), winner]
    return mates


def crossed(mothers: Floats, fathers: Floats, rng: np.random.Generator) -> Floats:
    """Children of shape ``(n, d)``: half of them between and around their parents, half with each variable from one of
    them.
    """
    share = rng.uniform(-_BLEND, 1 + _BLEND, mothers.shape)
    blended = mothers + share * (fathers - mothers)
    exchanged = np.where(rng.random(mothers.shape) < 0.5, mothers, fathers)
    return np.where(rng.random(len(mothers))[:, None] < _BLENDED, blended, exchanged)


def mutated(children: Floats, step: Floats, ranges: Floats, rng: np.random.Generator) -> Floats:
    """Each variable moved with chance 1/d, at least one of each child, by a normal step of ``step`` times its range."""
    count, dimensions = children.shape
    moves = rng.random(children.shape) < 1 / dimensions
    moves[np.arange(count), rng.integers(dimensions, size=count)] = True
    steps: Floats = rng.standard_normal(children.shape) * step[:, None] * ranges
    return children + np.where(moves, steps, 0.0)
