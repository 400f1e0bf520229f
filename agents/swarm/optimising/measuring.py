"""How far a population is spread, and where a first one is put."""

from __future__ import annotations

import numpy as np

from agents.swarm.exact import Floats
from agents.swarm.optimising.spec import SwarmSpec


def limits(spec: SwarmSpec) -> tuple[Floats, Floats]:
    """The lowest and the highest values, shape ``(dimensions,)`` each."""
    low, high = np.array(spec.bounds, dtype=np.float64).T
    return np.ascontiguousarray(low), np.ascontiguousarray(high)


def diversity(places: Floats, low: Floats, high: Floats) -> float:
    """The root mean square distance of ``places`` (shape ``(n, d)``) from their centre, as a share of what is possible.

    Each variable counts by the share of its range, so that metres and millimetres weigh the same; 0 is one place for
    all, 1 is half of them in each of two opposite corners.
    """
    shares = (places - low) / (high - low)
    spread = np.sqrt(((shares - shares.mean(axis=0)) ** 2).mean())
    return float(2 * spread)


def scattered(count: int, low: Floats, high: Floats, rng: np.random.Generator) -> Floats:
    """A first population, shape ``(count, d)``: a Latin hypercube, one candidate in each of ``count`` slices of each
    variable.

    McKay, Beckman and Conover, Technometrics 21 (1979).
    """
    strata = np.tile(np.arange(count), (len(low), 1))
    shares = (rng.permuted(strata, axis=1).T + rng.random((count, len(low)))) / count
    return within(low + shares * (high - low), low, high)


def within(places: Floats, low: Floats, high: Floats) -> Floats:
    """Places put inside the bounds, and no negative zeros: some stores of JSON know none."""
    inside: Floats = np.clip(places, low, high) + 0.0
    return inside
