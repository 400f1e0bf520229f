"""Figures of a swarm, that tell what it does."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from agents.swarm.living.world import World, unit


def measures(world: World) -> dict[str, float]:
    """Figures of a world, each by its name.

    ``polarisation``: the length of the mean heading, 0 to 1. ``spacing``: the mean distance to the nearest other, in
    body lengths. ``distance_from_nest`` and ``distance_to_goal``: means, in sides of the ground. ``delivered``: food
    that reached the nest, in loads. ``trail``: pheromone on the ground. ``hungry``: the share of members with less than
    half of their energy.
    """
    swarm, ground = world.swarm, world.ground
    side = min(ground.width, ground.height)
    heading = unit(swarm.velocity).mean(axis=0)
    return {
        "polarisation": float(np.hypot(*heading)),
        "spacing": _spacing(world),
        "distance_from_nest": _distance(world, ground.nest) / side,
        "distance_to_goal": _distance(world, ground.goal) / side,
        "delivered": world.store + _eaten(world),
        "trail": float(world.trail.sum()),
        "hungry": float((swarm.energy < 0.5).mean()),
    }


def _eaten(world: World) -> float:
    """Food that has left the store for somebody: what was lived on and is left, less what everyone began with."""
    return max(0.0, world.burnt + float(world.swarm.energy.sum()) - len(world.swarm))


def _spacing(world: World) -> float:
    if len(world.swarm) < 2:
        return 0.0
    tree = cKDTree(world.swarm.places, boxsize=world.ground.size if world.ground.torus else None)
    distance = np.asarray(tree.query(world.swarm.places, k=[2])[0])
    return float(distance.mean())


def _distance(world: World, place: tuple[float, float]) -> float:
    way = world.ground.towards(world.swarm.places, np.array(place))
    return float(np.sqrt((way**2).sum(axis=1)).mean())
