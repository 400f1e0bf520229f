"""Migrating: a few know the way, and all arrive."""

from __future__ import annotations

import numpy as np

from agents.swarm.exact import Floats
from agents.swarm.living.behaviours.base import Behaviour, View
from agents.swarm.living.boids import alignment, cohesion, separation
from agents.swarm.living.world import unit


class Migrating(Behaviour):
    """Informed members lead those that only heed their neighbours: Couzin et al., "Effective leadership and
    decision-making in animal groups on the move", Nature 433 (2005). The measure is the mean distance to the goal, in
    sides of the ground.
    """

    summary = "travels to a goal that only the scouts know"
    measure = "distance_to_goal"
    rises = False
    has_nest = False
    has_trail = False
    roams = 0.03

    def push(self, view: View, rng: np.random.Generator) -> Floats:
        """A flock, in which those who know pull towards the goal and slow down there; a scout counts as three."""
        informed = view.trait("informed")
        counts = 1 + 2 * informed  # and not by role: a queen that can hardly walk would hold all up
        way = view.to(view.world.ground.goal)
        arriving = np.minimum(1, np.sqrt((way**2).sum(axis=1)) / (2 * view.sight))
        # Those who know keep the pace of those who do not, or they would be gone.
        wanted = unit(way) * (0.9 * arriving)[:, None] - view.velocity
        apart = separation(view.near, view.sight / 3)
        along = alignment(view.near, view.velocity, counts)
        together = cohesion(view.near, view.sight, counts)
        flock = 0.4 * apart + 0.4 * along + 0.25 * together
        push: Floats = flock + 0.25 * informed[:, None] * wanted
        return push
