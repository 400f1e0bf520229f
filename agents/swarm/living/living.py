"""A step of a swarm's life, and where it begins.

A step: 1. everyone looks around; 2. the behaviour says where to, the role keeps to its station, chance adds to it; 3.
everyone moves; 4. food is taken up and put down, nurses feed, everyone lives on what it has; 5. trails are laid,
evaporate and spread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from agents.swarm.exact import Floats
from agents.swarm.living.behaviours import BEHAVIOURS, Behaviour, BehaviourName, View, stationed
from agents.swarm.living.feeding import fed
from agents.swarm.living.neighbours import near
from agents.swarm.living.pheromones import blank, evaporated, laid, spread
from agents.swarm.living.roles import Role, apportioned, trait
from agents.swarm.living.world import FORCE, SIGHT, SPEED, Ground, Swarm, World, limited, unit
from agents.swarm.randomness import Stream, generator

_ROOM = 4.0  # body lengths square for each member, of a ground that nobody gave the size of
_FADES = 0.01  # of what a carrier lays down, with each step since it was at the food


def step(world: World, behaviour: BehaviourName) -> World:
    """The world a step later. Of the same world always the same."""
    does = BEHAVIOURS[behaviour]
    rng = generator(world.seed, Stream.MOVE, world.time)
    moved = _moved(world, does, rng)
    if does.has_trail:
        moved = _marked(fed(moved))
    return replace(moved, time=world.time + 1)


def lived(world: World, behaviour: BehaviourName, steps: int) -> World:
    """The world so many steps later."""
    for _ in range(steps):
        world = step(world, behaviour)
    return world


def _moved(world: World, does: Behaviour, rng: np.random.Generator) -> World:
    swarm = world.swarm
    sight = SIGHT * trait("sight", swarm.roles)
    # The hungry are slower, down to a third: a colony lives on what it brings in.
    speed = SPEED * trait("speed", swarm.roles) * np.minimum(1.0, 1 / 3 + swarm.energy * 4 / 3)
    view = View(world, near(swarm.places, sight, world.ground), speed, sight, trait("counts", swarm.roles))
    push = does.push(view, rng)
    if does.has_nest:
        push = push + stationed(view)
    chance = rng.standard_normal(swarm.places.shape) * (does.roams * view.trait("roams") * speed)[:, None]
    velocity = limited(swarm.velocity + limited(push, FORCE) + chance, speed)
    places, velocity = world.ground.kept(swarm.places + velocity, velocity)
    return replace(world, swarm=replace(swarm, places=places, velocity=velocity))


def _marked(world: World) -> World:
    """Who carries marks the way from the food: the fresher, the stronger."""
    swarm = world.swarm
    amounts = np.where(swarm.carrying, trait("marks", swarm.roles) * np.exp(-_FADES * swarm.since), 0.0)
    trail = laid(evaporated(world.trail), swarm.places, amounts, world.ground)
    return replace(world, trail=spread(trail, world.ground))


def ground_for(count: int, behaviour: BehaviourName, *, torus: bool | None = None) -> Ground:
    """A square with room for ``count`` members; walls where there is a nest or a goal, none where a flock flies."""
    far_out = 2 if BEHAVIOURS[behaviour].has_trail else 1
    side = max(60.0, float(np.sqrt(count) * _ROOM)) * far_out
    walls = BEHAVIOURS[behaviour].has_nest or behaviour == BehaviourName.MIGRATING
    far = side * 0.85
    return Ground(side, side, (not walls) if torus is None else torus, (side / 2, side / 2), (far, far))


def populated(
    behaviour: BehaviourName,
    count: int,
    seed: int = 0,
    *,
    shares: Mapping[Role, float] | None = None,
    ground: Ground | None = None,
) -> World:
    """A world at its beginning, with ``count`` members of all roles, or of ``shares``; where they are fits the
    behaviour.
    """
    rng = generator(seed, Stream.WORLD)
    ground = ground or ground_for(count, behaviour)
    roles = apportioned(count, shares)
    angle = rng.uniform(-np.pi, np.pi, count)
    heading = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    swarm = Swarm(
        places=_start(behaviour, count, ground, rng),
        velocity=heading * (0.5 * SPEED * trait("speed", roles))[:, None],
        roles=roles,
        load=np.zeros(count),
        energy=np.ones(count),
        since=np.zeros(count),
    )
    has_food = BEHAVIOURS[behaviour].has_trail
    sources = _sources(ground, rng) if has_food else np.empty((0, 2))
    food = np.full(len(sources), float(max(50, count)))
    return World(ground, swarm, sources, food, blank(ground), seed=seed)


def _start(behaviour: BehaviourName, count: int, ground: Ground, rng: np.random.Generator) -> Floats:
    """Around the nest, in a corner, in the middle or everywhere."""
    if behaviour in (BehaviourName.FLOCKING, BehaviourName.SWARMING, BehaviourName.CLUSTERING):
        return rng.random((count, 2)) * ground.size
    middle = ground.size - np.array(ground.goal) if behaviour == BehaviourName.MIGRATING else np.array(ground.nest)
    radius = 0.06 * min(ground.width, ground.height)
    around = unit(rng.standard_normal((count, 2))) * (radius * np.sqrt(rng.random(count)))[:, None]
    return np.clip(middle + around, 0, ground.size)


def _sources(ground: Ground, rng: np.random.Generator) -> Floats:
    """Four heaps of food around the nest, not at equal distances: the nearer ones are to be found first."""
    angle = rng.uniform(-np.pi, np.pi) + np.arange(4) * np.pi / 2 + rng.uniform(-0.4, 0.4, 4)
    distance = min(ground.width, ground.height) * np.array([0.22, 0.3, 0.36, 0.42])
    return np.array(ground.nest) + np.stack([np.cos(angle), np.sin(angle)], axis=1) * distance[:, None]
