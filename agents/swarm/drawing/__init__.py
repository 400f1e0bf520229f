"""Pictures of swarms, as SVG that needs nothing else."""

from agents.swarm.drawing.searches import Trace, search_picture, state_picture, traced
from agents.swarm.drawing.worlds import world_picture

__all__ = ["Trace", "search_picture", "state_picture", "traced", "world_picture"]
