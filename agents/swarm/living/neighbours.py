"""Who is near whom: the nearest few within sight, by a k-d tree.

As many neighbours as starlings heed (Ballerini et al., "Interaction ruling animal collective behavior depends on
topological rather than metric distance", PNAS 105, 2008: six or seven), so that a step costs the same however dense the
swarm is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from agents.swarm.exact import Booleans, Floats, Integers
from agents.swarm.living.world import Ground

HEEDED = 7


@dataclass(frozen=True, slots=True)
class Near:
    """Of each of ``n`` members up to ``k`` neighbours: ``who``, ``way`` to them of shape ``(n, k, 2)``, ``distance``,
    ``there``.

    The other shapes are ``(n, k)``. Where ``there`` is false nobody is, and the rest says nothing.
    """

    who: Integers
    way: Floats
    distance: Floats
    there: Booleans


def near(places: Floats, sight: Floats, ground: Ground, heeded: int = HEEDED) -> Near:
    """The nearest of each within its own sight (shape ``(n,)``), itself not among them."""
    count = len(places)
    asked = min(heeded + 1, count)
    tree = cKDTree(places, boxsize=ground.size if ground.torus else None, balanced_tree=False, compact_nodes=False)
    distance, who = tree.query(places, k=np.arange(1, asked + 1), distance_upper_bound=float(sight.max()))
    there = (who < count) & (who != np.arange(count)[:, None]) & (distance <= sight[:, None])
    who = np.where(there, who, 0)
    way = ground.towards(places[:, None, :], places[who])
    return Near(who, way, np.where(there, distance, np.inf), there)
