"""Steps by the differences of others: as long, and along such lines, as the population is spread.

The mutation of differential evolution towards one of the best, by Zhang and Sanderson, "JADE: adaptive differential
evolution with optional external archive", IEEE Transactions on Evolutionary Computation 13 (2009).
"""

from __future__ import annotations

import numpy as np

from agents.swarm.exact import Floats, Integers

_GREEDIEST = 0.2  # of the population are "the best" at most


def bred(parents: Floats, moved: Floats, rate: Floats, low: Floats, high: Floats, rng: np.random.Generator) -> Floats:
    """Children that take each variable from what their parent became by chance ``rate`` (shape ``(n,)``), and at least
    one.

    What passed a bound is put halfway between the bound and the parent, so that no bound collects candidates.
    """
    moved = np.where(moved < low, (low + parents) / 2, np.where(moved > high, (high + parents) / 2, moved))
    taken = rng.random(parents.shape) < rate[:, None]
    taken[np.arange(len(parents)), rng.integers(parents.shape[1], size=len(parents))] = True
    return np.where(taken, moved, parents)


def free_steps(places: Floats, cost: Floats, low: Floats, high: Floats, rng: np.random.Generator) -> Floats:
    """A trial for each of ``places``, of settings drawn anew each time; shape as ``places``.

    Few variables at a time find their way where each counts by itself, nearly all at a time where they hang together:
    either is tried as often (Wang, Cai and Zhang, "Differential evolution with composite trial vector generation
    strategies", 2011).
    """
    count = len(places)
    scale = rng.uniform(0.4, 0.9, count)
    rate = np.where(rng.random(count) < 0.5, 0.1, 0.9)
    nobody = np.empty((0, places.shape[1]))
    return bred(places, mutants(places, cost, nobody, scale, rng), rate, low, high, rng)


def mutants(parents: Floats, cost: Floats, archive: Floats, scale: Floats, rng: np.random.Generator) -> Floats:
    """Each parent, moved towards one of the best and by the difference of two others, one of them perhaps replaced long
    ago.
    """
    count = len(parents)
    ranked = np.argsort(cost, kind="stable")
    best = np.maximum(2, (rng.uniform(2 / count, max(_GREEDIEST, 2 / count), count) * count).astype(np.int64))
    leader = ranked[(rng.random(count) * best).astype(np.int64)]
    other = _another(np.arange(count)[:, None], count, rng)
    third = _another(np.column_stack([np.arange(count), other]), count + len(archive), rng)
    pool = np.vstack([parents, archive])
    step: Floats = scale[:, None] * (parents[leader] - parents + parents[other] - pool[third])
    return parents + step


def _another(taken: Integers, count: int, rng: np.random.Generator) -> Integers:
    """Of ``count`` a random one for each row not among those taken (shape ``(rows, k)``), all equally likely."""
    drawn = rng.integers(count - taken.shape[1], size=len(taken))
    for column in np.sort(taken, axis=1).T:
        drawn = drawn + (drawn >= column)
    return drawn
