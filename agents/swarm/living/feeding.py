"""Food on its way: from a source into a load, from a load into the store, from the store into those who are hungry.

Nothing is lost and nothing comes from nowhere: ``World.total_food`` is the same before and after.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from agents.swarm.exact import Booleans, Floats, Integers
from agents.swarm.living.roles import trait
from agents.swarm.living.world import LOAD, SIGHT, World

HUNGER = 0.001  # of what a member can hold, used up in a step
_HUNGRY = 0.5
_AT_FOOD = 2.0  # body lengths
_AT_NEST = 3.0
_TENDED = 3 * SIGHT  # how far around the nest nurses go


def fed(world: World) -> World:
    """The world after a step of taking, bringing, feeding and living."""
    return _lived_on(_nursed(_brought(_taken(world))))


def _taken(world: World) -> World:
    """Who is at food with room for a load takes one; who comes to the last of it shares it."""
    swarm = world.swarm
    room = LOAD * trait("carries", swarm.roles)
    nearest, at = _at_source(world)
    wants = np.where(at & (swarm.load == 0), room, 0.0)
    asked = np.bincount(nearest, weights=wants, minlength=len(world.food)) if len(world.food) else np.zeros(0)
    share = np.minimum(1.0, np.divide(world.food, asked, out=np.ones_like(asked), where=asked > 0))
    got = wants * share[nearest] if len(world.food) else wants
    back = np.where(got > 0, -1.0, 1.0)[:, None]
    return replace(
        world,
        food=np.maximum(world.food - asked * share, 0.0),
        swarm=replace(
            swarm,
            load=swarm.load + got,
            since=np.where(got > 0, 0.0, swarm.since + 1),
            velocity=swarm.velocity * back,
        ),
    )


def _at_source(world: World) -> tuple[Integers, Booleans]:
    """The nearest source of each, and whether it is there."""
    places = world.swarm.places
    if not len(world.food):
        return np.zeros(len(places), dtype=np.int64), np.zeros(len(places), dtype=np.bool_)
    ways = world.ground.towards(places[:, None, :], world.sources)
    squared = (ways**2).sum(axis=2)
    nearest: Integers = np.argmin(squared, axis=1)
    return nearest, squared[np.arange(len(places)), nearest] < _AT_FOOD**2


def _from_nest(world: World) -> Floats:
    way = world.ground.towards(world.swarm.places, np.array(world.ground.nest))
    found: Floats = np.sqrt((way**2).sum(axis=1))
    return found


def _brought(world: World) -> World:
    """Who comes to the nest with a load puts it down, and turns round."""
    swarm = world.swarm
    arrives = swarm.carrying & (_from_nest(world) < _AT_NEST)
    return replace(
        world,
        store=world.store + float(swarm.load[arrives].sum()),
        swarm=replace(
            swarm,
            load=np.where(arrives, 0.0, swarm.load),
            velocity=np.where(arrives[:, None], -swarm.velocity, swarm.velocity),
        ),
    )


def _nursed(world: World) -> World:
    """Nurses at the nest hand on what is in the store to the hungry around it, the hungrier the more."""
    swarm = world.swarm
    near_nest = _from_nest(world) < _TENDED
    at_work = float(trait("feeds", swarm.roles)[near_nest].sum())
    hungry = np.where(near_nest & (swarm.energy < _HUNGRY), 1 - swarm.energy, 0.0)
    given = min(at_work, world.store, float(hungry.sum()))
    if given <= 0:
        return world
    return replace(
        world,
        store=world.store - given,
        swarm=replace(swarm, energy=swarm.energy + hungry * (given / hungry.sum())),
    )


def _lived_on(world: World) -> World:
    used = np.minimum(HUNGER, world.swarm.energy)
    energy = world.swarm.energy - used
    return replace(world, burnt=world.burnt + float(used.sum()), swarm=replace(world.swarm, energy=energy))
