"""Flocking: keep clear of each other, fly as the others do, stay with them."""

from __future__ import annotations

import numpy as np

from agents.swarm.exact import Floats
from agents.swarm.living.behaviours.base import Behaviour, View, brisk
from agents.swarm.living.boids import alignment, cohesion, separation


class Flocking(Behaviour):
    """Reynolds' boids. The measure is the length of the mean heading: 0 is all ways, 1 is all one way."""

    summary = "flies together: clear of each other, the same way, in one flock"
    measure = "polarisation"
    rises = True
    has_nest = False
    has_trail = False
    roams = 0.05

    def push(self, view: View, rng: np.random.Generator) -> Floats:
        """The three rules, separation before all."""
        apart = separation(view.near, view.sight / 3)
        along = alignment(view.near, view.velocity, view.counts)
        together = cohesion(view.near, view.sight, view.counts)
        push: Floats = 0.4 * apart + 0.3 * along + 0.12 * together + 0.1 * brisk(view)
        return push
