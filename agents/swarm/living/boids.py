"""The three rules of boids: Reynolds, "Flocks, herds, and schools: a distributed behavioral model", SIGGRAPH 1987.

Each gives a push of shape ``(n, 2)`` from what is near. They turn with the world: a world turned by an angle gives
pushes turned by that angle; and it does not matter how the members are numbered.
"""

from __future__ import annotations

import numpy as np

from agents.swarm.exact import Floats
from agents.swarm.living.neighbours import Near
from agents.swarm.living.world import unit


def separation(near: Near, room: Floats) -> Floats:
    """Away from those nearer than ``room`` (shape ``(n,)``), the more the nearer they are; 1 is the push of one who is
    upon it.
    """
    distance = np.where(near.there, near.distance, 1.0)
    close = near.there & (distance < room[:, None])
    strength = np.where(close, 1 - distance / room[:, None], 0.0)
    away: Floats = -(unit(near.way) * strength[..., None]).sum(axis=1)
    return away


def alignment(near: Near, velocity: Floats, counts: Floats) -> Floats:
    """Towards the mean velocity of the neighbours, each of whom counts by ``counts`` (shape ``(n,)``)."""
    weight = np.where(near.there, counts[near.who], 0.0)
    total = weight.sum(axis=1)
    mean = np.einsum("nk,nkd->nd", weight, velocity[near.who])
    mean = np.divide(mean, total[:, None], out=velocity.copy(), where=total[:, None] > 0)
    towards: Floats = mean - velocity
    return towards


def cohesion(near: Near, sight: Floats, counts: Floats) -> Floats:
    """Towards the middle of the neighbours, in shares of ``sight`` (shape ``(n,)``); each counts by ``counts``."""
    weight = np.where(near.there, counts[near.who], 0.0)
    total = weight.sum(axis=1)
    middle = np.einsum("nk,nkd->nd", weight, near.way)
    middle = np.divide(middle, total[:, None], out=np.zeros_like(middle), where=total[:, None] > 0)
    towards: Floats = middle / sight[:, None]
    return towards
