"""What a behaviour is: how a member pushes itself, by what it perceives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from agents.swarm.exact import Floats
from agents.swarm.living.neighbours import Near
from agents.swarm.living.roles import trait
from agents.swarm.living.world import SIGHT, World, unit


@dataclass(frozen=True, slots=True)
class View:
    """What members perceive in a step: the world, their neighbours, and their traits, shape ``(n,)`` each."""

    world: World
    near: Near
    speed: Floats
    sight: Floats
    counts: Floats

    @property
    def velocity(self) -> Floats:
        """Of the members, shape ``(n, 2)``."""
        return self.world.swarm.velocity

    def trait(self, name: str) -> Floats:
        """A trait of each member's role."""
        return trait(name, self.world.swarm.roles)

    def to(self, place: tuple[float, float]) -> Floats:
        """The way of each member to a place."""
        return self.world.ground.towards(self.world.swarm.places, np.array(place))


class Behaviour(ABC):
    """A behaviour. ``summary`` says what it is; ``measure`` names the figure that tells whether the swarm does it.

    ``rises`` says whether that figure goes up or down while it does; ``has_nest`` whether roles keep to their stations
    at the nest; ``has_trail`` whether it finds, marks and carries food.
    """

    summary: ClassVar[str]
    measure: ClassVar[str]
    rises: ClassVar[bool]
    has_nest: ClassVar[bool]
    has_trail: ClassVar[bool]
    roams: ClassVar[float]

    @abstractmethod
    def push(self, view: View, rng: np.random.Generator) -> Floats:
        """Where each member wants to, shape ``(n, 2)``; what is longer than ``FORCE`` will be cut to it."""


def stationed(view: View) -> Floats:
    """To one's station: a ring around the nest, nearer than ``station`` sights out of it and farther back to it."""
    way = view.to(view.world.ground.nest)
    distance = np.sqrt((way**2).sum(axis=1))
    off = distance - view.trait("station") * SIGHT
    desired = unit(way) * np.clip(off / SIGHT, -1, 1)[:, None] * view.speed[:, None]
    # Braked as well as drawn, so that a sentry stands on its ring and does not swing through it.
    found: Floats = (desired - view.velocity) * (view.trait("home"))[:, None]
    return found


def brisk(view: View) -> Floats:
    """Along one's own heading up to the pace of one's role: a swarm does not come to rest by itself."""
    pace = np.sqrt((view.velocity**2).sum(axis=1))
    found: Floats = unit(view.velocity) * (0.8 * view.speed - pace)[:, None]
    return found
