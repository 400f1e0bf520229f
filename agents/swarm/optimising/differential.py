"""Differential evolution that finds its own settings.

Storn and Price, Journal of Global Optimization 11 (1997); the mutation towards one of the best with an archive of the
replaced by Zhang and Sanderson, "JADE", IEEE Transactions on Evolutionary Computation 13 (2009); scale and crossover
rate drawn around those that lately had success, by Tanabe and Fukunaga, "Success-history based parameter adaptation for
differential evolution", CEC 2013.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from agents.swarm.exact import Array, Floats
from agents.swarm.optimising.differences import bred, mutants
from agents.swarm.optimising.measuring import limits, scattered, within
from agents.swarm.optimising.spec import SwarmSpec

_MEMORIES = 10  # pairs of settings that had success, as many as a search of a hundred generations renews ten times
_SPREAD = 0.1


class DifferentialEvolution:
    """Candidates that step by the differences of others, and are replaced by what they become where it is no worse."""

    def propose(self, spec: SwarmSpec, arrays: Mapping[str, Array], rng: np.random.Generator) -> dict[str, Array]:
        """``candidates`` of shape ``(population, d)``, with the ``scale`` and ``rate`` that each was bred with."""
        low, high = limits(spec)
        if not arrays:
            return {"candidates": scattered(spec.population, low, high, rng)}
        scale, rate = _settings(arrays["scales"], arrays["rates"], spec.population, rng)
        parents = arrays["places"]
        moved = mutants(parents, arrays["cost"], arrays["archive"], scale, rng)
        candidates = within(bred(parents, moved, rate, low, high, rng), low, high)
        return {"candidates": candidates, "scale": scale, "rate": rate, "shuffle": rng.permutation(2 * spec.population)}

    def learn(
        self, spec: SwarmSpec, arrays: Mapping[str, Array], proposed: Mapping[str, Array], cost: Floats
    ) -> dict[str, Array]:
        """Who is no worse than its parent takes its place; the settings of those that are better are remembered."""
        candidates = proposed["candidates"]
        if not arrays:
            half = np.full(_MEMORIES, 0.5)
            nobody = np.empty((0, spec.dimensions))
            start = {"scales": half, "rates": half, "turn": np.zeros(1, dtype=np.int64), "archive": nobody}
            return {"places": candidates, "cost": cost, **start}
        parents, was = arrays["places"], arrays["cost"]
        better = cost < was
        gain = np.where(better, was, 0.0) - np.where(better, cost, 0.0)
        stays = np.isfinite(cost) & (cost <= was)
        archive = np.vstack([arrays["archive"], parents[better]])
        if len(archive) > spec.population:
            keep = proposed["shuffle"][proposed["shuffle"] < len(archive)][: spec.population]
            archive = archive[keep]
        return {
            "places": np.where(stays[:, None], candidates, parents),
            "cost": np.where(stays, cost, was),
            "archive": archive,
            **_remembered(arrays, proposed, better, gain),
        }

    def living(self, arrays: Mapping[str, Array]) -> Floats:
        """Where the swarm is, to measure its diversity by."""
        return arrays["places"]


def _settings(scales: Floats, rates: Floats, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """A scale and a crossover rate for each candidate, shape ``(count,)``: near one pair that had success."""
    chosen = rng.integers(len(scales), size=count)
    rate = np.clip(rng.normal(rates[chosen], _SPREAD), 0.0, 1.0)
    # A Cauchy variable by its quantile function; what is not above 0 is drawn again, eight times at the most.
    drawn = scales[chosen] + _SPREAD * np.tan(np.pi * (rng.random((8, count)) - 0.5))
    first = np.argmax(drawn > 0, axis=0)
    scale = np.clip(drawn[first, np.arange(count)], 0.01, 1.0)
    return scale, rate


def _remembered(
    arrays: Mapping[str, Array], proposed: Mapping[str, Array], better: Array, gain: Floats
) -> dict[str, Array]:
    """The means of the settings that made a candidate better, weighed by how much, in place of the oldest."""
    scales, rates, turn = arrays["scales"].copy(), arrays["rates"].copy(), int(arrays["turn"][0])
    if better.any():
        scale, rate, gained = proposed["scale"][better], proposed["rate"][better], gain[better]
        # What comes after a candidate that nobody had evaluated is no measure of its settings.
        gained = np.where(np.isfinite(gained), gained, 0.0)
        weight = gained / gained.sum() if gained.sum() > 0 else np.full(len(gained), 1 / len(gained))
        scales[turn] = (weight * scale**2).sum() / (weight * scale).sum()
        rates[turn] = (weight * rate).sum()
        turn = (turn + 1) % len(scales)
    return {"scales": scales, "rates": rates, "turn": np.array([turn], dtype=np.int64)}
