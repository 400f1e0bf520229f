"""The behaviours of a swarm, by name."""

from __future__ import annotations

from enum import StrEnum

from agents.swarm.living.behaviours.base import Behaviour, View, stationed
from agents.swarm.living.behaviours.clustering import Clustering
from agents.swarm.living.behaviours.dispersing import Dispersing
from agents.swarm.living.behaviours.flocking import Flocking
from agents.swarm.living.behaviours.foraging import Foraging
from agents.swarm.living.behaviours.migrating import Migrating
from agents.swarm.living.behaviours.swarming import Swarming


class BehaviourName(StrEnum):
    """What a swarm does."""

    FORAGING = "foraging"
    FLOCKING = "flocking"
    SWARMING = "swarming"
    DISPERSING = "dispersing"
    CLUSTERING = "clustering"
    MIGRATING = "migrating"


BEHAVIOURS: dict[BehaviourName, Behaviour] = {
    BehaviourName.FORAGING: Foraging(),
    BehaviourName.FLOCKING: Flocking(),
    BehaviourName.SWARMING: Swarming(),
    BehaviourName.DISPERSING: Dispersing(),
    BehaviourName.CLUSTERING: Clustering(),
    BehaviourName.MIGRATING: Migrating(),
}

__all__ = ["BEHAVIOURS", "Behaviour", "BehaviourName", "View", "stationed"]
