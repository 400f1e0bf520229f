"""Foraging: out for food, back to the nest, and a trail for the others."""

from __future__ import annotations

import numpy as np

from agents.swarm.exact import Floats
from agents.swarm.living.behaviours.base import Behaviour, View, brisk
from agents.swarm.living.boids import separation
from agents.swarm.living.pheromones import CELL, smelt
from agents.swarm.living.world import unit

_FEELERS = np.array([-0.7, 0.0, 0.7])  # radians off the heading
_REACH = 2 * CELL


class Foraging(Behaviour):
    """Trails that lead to food, stronger the nearer they were laid to it and the more often they are walked: Deneubourg
    et al., "The self-organizing exploratory pattern of the Argentine ant", Journal of Insect Behavior 3 (1990). The
    measure is the food brought to the nest.
    """

    summary = "looks for food, brings it to the nest and marks the way"
    measure = "delivered"
    rises = True
    has_nest = True
    has_trail = True
    roams = 0.25

    def push(self, view: View, rng: np.random.Generator) -> Floats:
        """Who carries goes home. Who does not goes to food in sight, or where a feeler smells most, or on."""
        swarm = view.world.swarm
        home = unit(view.to(view.world.ground.nest)) * view.speed[:, None] - view.velocity
        seen, way = _food_in_sight(view)
        there = unit(way) * view.speed[:, None] - view.velocity
        scent = 0.3 * view.trait("follows")[:, None] * _led(view)
        out = np.where(seen[:, None], there, scent + 0.2 * brisk(view))
        bound = view.trait("carries") > 0
        wanted = np.where(swarm.carrying[:, None], home, np.where(bound[:, None], out, 0.2 * brisk(view)))
        push: Floats = wanted + 0.1 * separation(view.near, view.sight / 6)
        return push


def _food_in_sight(view: View) -> tuple[Floats, Floats]:
    """Whether a source that is not empty is in sight, and the way to the nearest."""
    world = view.world
    places = world.swarm.places
    if not (world.food > 0).any():
        return np.zeros(len(places)), np.zeros_like(places)
    ways = world.ground.towards(places[:, None, :], world.sources[world.food > 0])
    squared = (ways**2).sum(axis=2)
    nearest = np.argmin(squared, axis=1)
    rows = np.arange(len(places))
    seen: Floats = squared[rows, nearest] < view.sight**2
    return seen, ways[rows, nearest]


def _led(view: View) -> Floats:
    """Towards the feeler that smells most, of three; straight on where they smell alike."""
    world = view.world
    heading = np.arctan2(view.velocity[:, 1], view.velocity[:, 0])
    angles = heading[:, None] + _FEELERS
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    smells = smelt(world.trail, world.swarm.places[:, None, :] + _REACH * directions, world.ground)
    best = np.where(smells.max(axis=1) > smells[:, 1], np.argmax(smells, axis=1), 1)
    led: Floats = directions[np.arange(len(best)), best] * (smells.max(axis=1) > 1e-3)[:, None]
    return led
