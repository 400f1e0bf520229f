"""Dispersing: away from each other, until everyone has room."""

from __future__ import annotations

import numpy as np

from agents.swarm.exact import Floats
from agents.swarm.living.behaviours.base import Behaviour, View
from agents.swarm.living.boids import separation


class Dispersing(Behaviour):
    """Repulsion and friction, as mobile sensors cover a room (Howard, Mataric and Sukhatme, DARS 2002). The measure is
    the mean distance to the nearest other, in body lengths.
    """

    summary = "spreads out until everyone has room"
    measure = "spacing"
    rises = True
    has_nest = False
    has_trail = False
    roams = 0.02

    def push(self, view: View, rng: np.random.Generator) -> Floats:
        """Away from whoever is in sight; who is alone comes to rest."""
        push: Floats = separation(view.near, view.sight) - 0.3 * view.velocity
        return push
