"""Pheromone on a grid: laid down, evaporating, spreading.

Amounts, not densities: what is in all cells together changes by what is laid down and what evaporates, and by nothing
else. Diffusion is the explicit scheme for the heat equation on five points, which is stable up to a rate of 1/4; walls
let nothing through.
"""

from __future__ import annotations

import numpy as np

from agents.swarm.exact import Floats, Integers
from agents.swarm.living.world import Ground

CELL = 2.0  # body lengths
EVAPORATES = 0.02  # of what is there, in a step
SPREADS = 0.05  # of the difference to each neighbouring cell, in a step


def blank(ground: Ground) -> Floats:
    """A trail with nothing on it, shape ``(rows, columns)``."""
    return np.zeros((max(1, round(ground.height / CELL)), max(1, round(ground.width / CELL))))


def cells(trail: Floats, places: Floats, ground: Ground) -> tuple[Integers, Integers]:
    """Row and column of each of ``places`` (shape ``(…, 2)``); what lies outside is wound round, or put to the edge."""
    rows, columns = trail.shape
    row = np.floor(places[..., 1] / ground.height * rows).astype(np.int64)
    column = np.floor(places[..., 0] / ground.width * columns).astype(np.int64)
    if ground.torus:
        return row % rows, column % columns
    return np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)


def laid(trail: Floats, places: Floats, amounts: Floats, ground: Ground) -> Floats:
    """The trail with ``amounts`` (shape ``(n,)``) laid down at ``places``."""
    row, column = cells(trail, places, ground)
    added = np.bincount(row * trail.shape[1] + column, weights=amounts, minlength=trail.size)
    return trail + added.reshape(trail.shape)


def evaporated(trail: Floats, rate: float = EVAPORATES) -> Floats:
    """The trail after a step of evaporation: ``(1 - rate)`` of it."""
    return trail * (1 - rate)


def spread(trail: Floats, ground: Ground, rate: float = SPREADS) -> Floats:
    """The trail after a step of diffusion; ``rate`` at most 1/4."""
    if ground.torus:
        around = sum(np.roll(trail, shift, axis) for shift in (-1, 1) for axis in (0, 1))
    else:
        framed = np.pad(trail, 1, mode="edge")
        around = framed[:-2, 1:-1] + framed[2:, 1:-1] + framed[1:-1, :-2] + framed[1:-1, 2:]
    return trail + rate * (around - 4 * trail)


def smelt(trail: Floats, places: Floats, ground: Ground) -> Floats:
    """How much there is at each of ``places``, shape of ``places`` without its last axis."""
    found: Floats = trail[cells(trail, places, ground)]
    return found
