"""Swarms that move: boids, pheromone trails, six behaviours and six roles."""

from agents.swarm.living.behaviours import BEHAVIOURS, BehaviourName
from agents.swarm.living.living import lived, populated, step
from agents.swarm.living.roles import ROLES, Role
from agents.swarm.living.world import Ground, Swarm, World

__all__ = ["BEHAVIOURS", "ROLES", "BehaviourName", "Ground", "Role", "Swarm", "World", "lived", "populated", "step"]
