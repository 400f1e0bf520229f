"""Clustering: to where others are, and staying there."""

from __future__ import annotations

import numpy as np

from agents.swarm.exact import Floats
from agents.swarm.living.behaviours.base import Behaviour, View, brisk
from agents.swarm.living.boids import cohesion, separation
from agents.swarm.living.neighbours import HEEDED


class Clustering(Behaviour):
    """The more neighbours, the slower, as cockroaches gather in the dark (Jeanson et al., Animal Behaviour 69, 2005).
    The measure is the mean distance to the nearest other, in body lengths.
    """

    summary = "gathers in clusters, and stays where others are"
    measure = "spacing"
    rises = False
    has_nest = False
    has_trail = False
    roams = 0.15

    def push(self, view: View, rng: np.random.Generator) -> Floats:
        """To the neighbours, braked by each of them; who has none walks on."""
        company = view.near.there.sum(axis=1)[:, None] / HEEDED
        apart = separation(view.near, np.full(len(company), 1.0))
        together = cohesion(view.near, view.sight, view.counts)
        push: Floats = 0.3 * apart + 0.3 * together - 0.5 * company * view.velocity + 0.2 * (1 - company) * brisk(view)
        return push
