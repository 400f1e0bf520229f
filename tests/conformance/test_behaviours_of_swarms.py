"""What holds for every behaviour and every role of a swarm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.swarm.living import BEHAVIOURS, ROLES, BehaviourName, Role, World, lived, populated, step
from agents.swarm.living.feeding import HUNGER
from agents.swarm.living.measures import measures
from agents.swarm.living.roles import NUMBERED, apportioned, counted, trait
from agents.swarm.living.world import SIGHT, SPEED

ALL = list(BehaviourName)


def bits(world: World) -> tuple[bytes, ...]:
    swarm = world.swarm
    return tuple(
        one.tobytes() for one in (swarm.places, swarm.velocity, swarm.load, swarm.energy, world.trail, world.food)
    )


def test_every_behaviour_and_role_is_there() -> None:
    assert set(BEHAVIOURS) == set(BehaviourName)
    assert set(ROLES) == set(Role) == set(NUMBERED)
    assert len({does.summary for does in BEHAVIOURS.values()}) == len(ALL)


@pytest.mark.parametrize("behaviour", ALL)
@pytest.mark.parametrize("seed", range(3))
def test_a_swarm_does_what_its_behaviour_says(behaviour: BehaviourName, seed: int) -> None:
    does = BEHAVIOURS[behaviour]
    world = populated(behaviour, 200, seed)
    before, after = measures(world)[does.measure], measures(lived(world, behaviour, 400))[does.measure]

    enough = {"delivered": 200, "polarisation": 0.8, "distance_from_nest": 0.25, "distance_to_goal": 0.35}
    if does.measure in enough:
        assert (after > enough[does.measure]) if does.rises else (after < enough[does.measure])
    else:
        assert (after > 2 * before) if does.rises else (after < before / 1.5)


@pytest.mark.parametrize("behaviour", ALL)
def test_the_same_seed_gives_the_same_life_and_another_another(behaviour: BehaviourName) -> None:
    one, same, other = (lived(populated(behaviour, 80, seed), behaviour, 40) for seed in (5, 5, 6))

    assert bits(one) == bits(same)
    assert bits(one) != bits(other)


@pytest.mark.parametrize("behaviour", ALL)
def test_a_step_leaves_the_world_before_it_as_it_was(behaviour: BehaviourName) -> None:
    world = lived(populated(behaviour, 60, 1), behaviour, 30)
    before = bits(world)

    assert bits(step(world, behaviour)) == bits(step(world, behaviour))
    assert bits(world) == before


@pytest.mark.parametrize("behaviour", ALL)
@pytest.mark.parametrize("torus", [False, True])
@given(seed=st.integers(0, 999), count=st.integers(1, 60))
@settings(max_examples=10, deadline=None)
def test_everyone_stays_inside_below_its_speed_and_no_food_is_lost(
    behaviour: BehaviourName, torus: bool, seed: int, count: int
) -> None:
    world = populated(behaviour, count, seed)
    world = replace(world, ground=replace(world.ground, torus=torus))
    total = world.total_food
    for _ in range(25):
        world = step(world, behaviour)
        swarm = world.swarm
        assert (swarm.places >= 0).all()
        assert (swarm.places <= world.ground.size).all()
        pace = np.hypot(*swarm.velocity.T)
        assert (pace <= SPEED * trait("speed", swarm.roles) + 1e-9).all()
        assert world.total_food == pytest.approx(total, rel=1e-12)
        assert (swarm.energy >= 0).all()
        assert (world.food >= 0).all()
        assert world.store >= 0


@pytest.mark.parametrize("behaviour", ALL)
@pytest.mark.parametrize("role", list(Role))
def test_a_swarm_may_be_of_one_role_only(behaviour: BehaviourName, role: Role) -> None:
    world = lived(populated(behaviour, 20, 1, shares={role: 1.0}), behaviour, 20)

    assert counted(world.swarm.roles)[role.value] == 20
    assert all(np.isfinite(value) for value in measures(world).values())


@pytest.mark.parametrize("behaviour", ALL)
def test_a_swarm_may_be_of_one_member_only(behaviour: BehaviourName) -> None:
    assert np.isfinite(lived(populated(behaviour, 1, 1), behaviour, 20).swarm.places).all()


@given(st.integers(0, 5000))
def test_members_are_apportioned_by_share_and_none_is_lost(count: int) -> None:
    numbers = counted(apportioned(count))

    assert sum(numbers.values()) == count
    for role, number in numbers.items():
        assert abs(number - count * ROLES[Role(role)].share / sum(one.share for one in ROLES.values())) <= 2
    if count >= len(ROLES):
        assert numbers["queen"] >= 1


# What each role does different from the others, in a colony that forages. A figure of each role, and who has the most
# of it.


@pytest.fixture(scope="module")
def colony() -> dict[str, dict[Role, float]]:
    """Means over members and the last 200 of 350 steps, after a beginning with everyone half hungry."""
    world = populated(BehaviourName.FORAGING, 300, 2, shares={**dict.fromkeys(Role, 1.0), Role.QUEEN: 0.02})
    world = lived(world, BehaviourName.FORAGING, 150)
    tracks: dict[str, list[Any]] = {"pace": [], "away": [], "load": [], "carries": []}
    for _ in range(200):
        world = step(world, BehaviourName.FORAGING)
        swarm = world.swarm
        tracks["pace"].append(np.hypot(*swarm.velocity.T))
        tracks["away"].append(np.hypot(*(swarm.places - world.ground.nest).T))
        tracks["load"].append(swarm.load)
        tracks["carries"].append(swarm.carrying.astype(float))
    found = {name: np.mean(track, axis=0) for name, track in tracks.items()}
    most = {"most_load": np.max(tracks["load"], axis=0), "swing": np.std(tracks["away"], axis=0)}
    return {
        name: {role: float(values[world.swarm.roles == place].mean()) for place, role in enumerate(NUMBERED)}
        for name, values in {**found, **most}.items()
    }


def test_a_queen_stays_at_the_nest_and_hardly_moves(colony: dict[str, dict[Role, float]]) -> None:
    assert min(colony["pace"], key=colony["pace"].__getitem__) is Role.QUEEN
    assert colony["away"][Role.QUEEN] < SIGHT / 2


def test_nurses_stay_close_to_the_nest(colony: dict[str, dict[Role, float]]) -> None:
    away = sorted(colony["away"], key=colony["away"].__getitem__)

    assert set(away[:2]) == {Role.QUEEN, Role.NURSE}
    assert colony["away"][Role.NURSE] < SIGHT


def test_soldiers_stand_on_their_ring(colony: dict[str, dict[Role, float]]) -> None:
    assert colony["away"][Role.SOLDIER] == pytest.approx(ROLES[Role.SOLDIER].station * SIGHT, rel=0.1)
    assert colony["swing"][Role.SOLDIER] < 0.3 * min(colony["swing"][role] for role in (Role.WORKER, Role.FORAGER))


def test_only_workers_scouts_and_foragers_carry_and_foragers_the_most(colony: dict[str, dict[Role, float]]) -> None:
    loads = colony["most_load"]

    assert loads[Role.QUEEN] == loads[Role.SOLDIER] == loads[Role.NURSE] == 0
    assert loads[Role.FORAGER] > 2 * loads[Role.WORKER] > 0
    assert loads[Role.WORKER] > loads[Role.SCOUT] > 0


def test_scouts_are_the_fastest_and_farthest_out(colony: dict[str, dict[Role, float]]) -> None:
    assert max(colony["pace"], key=colony["pace"].__getitem__) is Role.SCOUT
    assert max(colony["away"], key=colony["away"].__getitem__) is Role.SCOUT


def delivered(shares: dict[Role, float], seed: int) -> float:
    world = lived(populated(BehaviourName.FORAGING, 100, seed, shares=shares), BehaviourName.FORAGING, 250)
    return measures(world)["delivered"]


def test_foragers_bring_in_more_than_workers_and_workers_more_than_scouts() -> None:
    brought = [
        np.mean([delivered({role: 1.0}, seed) for seed in range(3)])
        for role in (Role.FORAGER, Role.WORKER, Role.SCOUT, Role.SOLDIER)
    ]

    assert brought == sorted(brought, reverse=True)
    assert brought[-1] == pytest.approx(0, abs=1e-9)


def hungry_colony(role: Role) -> World:
    world = populated(BehaviourName.FORAGING, 100, 1, shares={Role.WORKER: 0.7, role: 0.3})
    swarm = replace(world.swarm, energy=np.full(100, 0.4))
    return lived(replace(world, swarm=swarm, store=100.0), BehaviourName.FORAGING, 50)


def test_nurses_feed_the_hungry_from_the_store_and_nobody_else_does() -> None:
    assert hungry_colony(Role.NURSE).store < 100
    assert hungry_colony(Role.NURSE).swarm.energy.mean() > 0.5
    assert hungry_colony(Role.SOLDIER).swarm.energy.mean() == pytest.approx(0.4 - 50 * HUNGER)


def test_the_hungry_are_slower() -> None:
    fed = populated(BehaviourName.FLOCKING, 100, 1, shares={Role.WORKER: 1.0})
    starved = replace(fed, swarm=replace(fed.swarm, energy=np.zeros(100)))
    paces = [np.hypot(*lived(world, BehaviourName.FLOCKING, 50).swarm.velocity.T).mean() for world in (fed, starved)]

    assert paces[1] < 0.5 * paces[0]


def test_without_scouts_nobody_finds_the_way_of_a_migration() -> None:
    def ends(shares: dict[Role, float]) -> float:
        world = lived(populated(BehaviourName.MIGRATING, 100, 3, shares=shares), BehaviourName.MIGRATING, 250)
        return measures(world)["distance_to_goal"]

    assert ends({Role.WORKER: 0.9, Role.SCOUT: 0.1}) < 0.6 * ends({Role.WORKER: 1.0})


def test_neighbours_heed_a_queen_more_than_another() -> None:
    assert ROLES[Role.QUEEN].counts == 5
    assert all(traits.counts == 1 for role, traits in ROLES.items() if role is not Role.QUEEN)
