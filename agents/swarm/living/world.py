"""A ground, a swarm on it as arrays, and what lies about there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.swarm.exact import Array, Booleans, Floats

SIGHT = 6.0  # how far a worker sees; lengths are in body lengths, times in steps
SPEED = 1.0  # of a worker, in a step
FORCE = 0.25  # by how much a velocity can change in a step
LOAD = 1.0  # of food, that a worker carries


@dataclass(frozen=True, slots=True)
class Ground:
    """A rectangle of ``width`` times ``height``; a torus wound round at its edges, or closed by walls."""

    width: float
    height: float
    torus: bool
    nest: tuple[float, float]
    goal: tuple[float, float]

    @property
    def size(self) -> Floats:
        """Shape ``(2,)``."""
        return np.array([self.width, self.height])

    def towards(self, start: Floats, end: Floats) -> Floats:
        """The shortest way from ``start`` to ``end``, shapes ``(…, 2)``: across the edges where there are none."""
        way: Floats = end - start
        return way - self.size * np.round(way / self.size) if self.torus else way

    def kept(self, places: Floats, velocity: Floats) -> tuple[Floats, Floats]:
        """Places inside, and velocities as they are there: wound round, or thrown back by the walls."""
        size = self.size
        if self.torus:
            wound = np.mod(places, size)
            return np.where(wound >= size, 0.0, wound), velocity
        outside = (places < 0) | (places > size)
        back = np.where(places < 0, -places, np.where(places > size, 2 * size - places, places))
        return np.clip(back, 0.0, size), np.where(outside, -velocity, velocity)


@dataclass(frozen=True, slots=True)
class Swarm:
    """Its ``n`` members, an array for each of what they have.

    ``places`` and ``velocity`` of shape ``(n, 2)``; ``roles`` as numbers of ``NUMBERED``, the food each carries in
    ``load``, what it has left to live on in ``energy`` (1 is full), and how many steps ago it was at food in ``since``,
    shape ``(n,)`` all.
    """

    places: Floats
    velocity: Floats
    roles: Array
    load: Floats
    energy: Floats
    since: Floats

    def __len__(self) -> int:
        return len(self.places)

    @property
    def carrying(self) -> Booleans:
        """Who carries food."""
        found: Booleans = self.load > 0
        return found


@dataclass(frozen=True, slots=True)
class World:
    """Everything at one step. Two worlds that are equal here go on alike: chance is drawn from ``seed`` and ``time``.

    ``sources`` of shape ``(m, 2)`` with ``food`` left at each, shape ``(m,)``; ``store`` is the food in the nest,
    ``burnt`` what the members have used up to live: sources, loads, store, energies and what is burnt keep their sum.
    ``trail`` is the pheromone, shape ``(rows, columns)``, amounts in cells.
    """

    ground: Ground
    swarm: Swarm
    sources: Floats
    food: Floats
    trail: Floats
    store: float = 0.0
    burnt: float = 0.0
    time: int = 0
    seed: int = 0

    @property
    def total_food(self) -> float:
        """Of everything that can be eaten, carried or burnt: constant, whatever happens."""
        members = float(self.swarm.load.sum() + self.swarm.energy.sum())
        return float(self.food.sum()) + members + self.store + self.burnt


def unit(vectors: Floats) -> Floats:
    """Vectors of length 1 along ``vectors``, shape ``(…, 2)``; zero stays zero."""
    length = np.sqrt((vectors**2).sum(axis=-1, keepdims=True))
    found: Floats = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return found


def limited(vectors: Floats, most: Floats | float) -> Floats:
    """Vectors no longer than ``most``, shape ``(n, 2)``, in their direction."""
    length = np.sqrt((vectors**2).sum(axis=-1))
    factor = np.minimum(1.0, np.divide(most, length, out=np.ones_like(length), where=length > 0))
    found: Floats = vectors * factor[:, None]
    return found
