"""Sharing out work by foraging: to agents by how fast they turn out to be."""

from agents.swarm.allocating.allocating import Assignment, Worker, allocate, worked_off
from agents.swarm.allocating.forager import Forager, begin_foraging
from agents.swarm.allocating.items import Items, Parcel, items_of

__all__ = ["Assignment", "Forager", "Items", "Parcel", "Worker", "allocate", "begin_foraging", "items_of", "worked_off"]
