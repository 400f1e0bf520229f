"""Swarming: around one middle, as midges and bees do."""

from __future__ import annotations

import numpy as np

from agents.swarm.exact import Floats
from agents.swarm.living.behaviours.base import Behaviour, View, brisk
from agents.swarm.living.boids import alignment, separation
from agents.swarm.living.world import unit


class Swarming(Behaviour):
    """A mill: drawn to the nest and round it. Figures of self-propelled particles that attract each other, mills among
    them, are in D'Orsogna et al., Physical Review Letters 96 (2006). The measure is the mean distance from the nest, in
    sides of the ground.
    """

    summary = "circles around the nest in one dense cloud"
    measure = "distance_from_nest"
    rises = False
    has_nest = True
    has_trail = False
    roams = 0.05

    def push(self, view: View, rng: np.random.Generator) -> Floats:
        """In towards the middle where one is far, around it where one is near; clear of each other."""
        way = view.to(view.world.ground.nest)
        inwards = unit(way)
        around = np.stack([-inwards[:, 1], inwards[:, 0]], axis=1)
        # The disc that so many members fill with a body length and a half between them.
        radius = 1.5 * np.sqrt(len(view.world.swarm) / np.pi)
        distance = np.sqrt((way**2).sum(axis=1))
        far = np.clip((distance - radius) / radius + 0.3, 0, 1)[:, None]
        apart = separation(view.near, view.sight / 3)
        along = alignment(view.near, view.velocity, view.counts)
        push: Floats = 0.3 * far * inwards + 0.06 * around + 0.4 * apart + 0.05 * along + 0.1 * brisk(view)
        return push
