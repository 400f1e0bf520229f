"""Work shared out by foraging: all of it done, once, about as soon as it can be, whoever is slow or dies."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.swarm.allocating import Forager, Items, Parcel, Worker, allocate, begin_foraging, items_of, worked_off
from agents.swarm.errors import NobodyLeft, SwarmSettingsRefused, SwarmStateUnreadable

SPEEDS = {"a": 1.0, "b": 2.0, "c": 4.0, "d": 8.0}


def costs(count: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).lognormal(0, 0.7, count)


def steady(items: Items, speeds: dict[str, float] | None = None) -> Any:
    """Agents that work at their speed."""
    return lambda parcel, now: items.cost(parcel.start, parcel.end) / (speeds or SPEEDS)[parcel.agent]


def even_split(cost: Any, speeds: dict[str, float]) -> float:
    """Seconds until all is done where every agent gets every so many-th item."""
    return max(cost[place :: len(speeds)].sum() / speed for place, speed in enumerate(speeds.values()))


def test_known_speeds_are_used_from_the_start() -> None:
    cost = costs(5_000)
    done = allocate(cost, [Worker(name, rate) for name, rate in SPEEDS.items()])

    assert done.seconds < 1.01 * cost.sum() / sum(SPEEDS.values())
    assert (done.agent_of >= 0).all()
    assert sum(done.counts().values()) == 5_000


def test_unknown_speeds_are_found_out() -> None:
    cost = costs(20_000)
    items = items_of(cost)
    done = worked_off(begin_foraging(items, list(SPEEDS)), {}, steady(items))

    assert done.seconds < 1.05 * cost.sum() / sum(SPEEDS.values())
    assert done.seconds < 0.3 * even_split(cost, SPEEDS)


def test_when_an_agent_dies_the_others_do_its_work() -> None:
    """An even split would wait for the dead for ever: counted as if its share were then split among the living."""
    cost = costs(20_000)
    items = items_of(cost)
    half = 0.5 * cost.sum() / sum(SPEEDS.values())

    def takes(parcel: Parcel, now: float) -> float | None:
        return None if parcel.agent == "c" and now > half else steady(items)(parcel, now)

    done = worked_off(begin_foraging(items, list(SPEEDS)), {}, takes)
    living = {name: speed for name, speed in SPEEDS.items() if name != "c"}
    again = even_split(cost, living) + even_split(cost[2::4], living)

    assert done.lost == 3
    assert (done.agent_of >= 0).all()
    assert done.seconds < 1.1 * cost.sum() / sum(living.values())
    assert done.seconds < 0.5 * again


def test_an_agent_that_slows_down_gets_less() -> None:
    cost = costs(20_000)
    items = items_of(cost)
    turn = 0.3 * cost.sum() / sum(SPEEDS.values())

    def takes(parcel: Parcel, now: float) -> float:
        return float(steady(items)(parcel, now) * (8 if parcel.agent == "d" and now > turn else 1))

    done = worked_off(begin_foraging(items, list(SPEEDS), most_items=200), {}, takes)

    assert done.seconds < 1.1 * (turn + (cost.sum() - turn * 15) / 8)


def test_agents_take_to_the_kind_that_they_are_better_at() -> None:
    """Each of four agents is five times as fast at one of four kinds; who does not heed kinds needs four times the
    best.
    """
    kinds = np.random.default_rng(2).integers(0, 4, 8_000)
    cost = np.ones(8_000)
    items = items_of(cost, kinds)
    names = list(SPEEDS)

    def takes(parcel: Parcel, now: float) -> float:
        return items.cost(parcel.start, parcel.end) / (5.0 if names.index(parcel.agent) == parcel.kind else 1.0)

    done = worked_off(begin_foraging(items, names, seed=1), {}, takes)
    blind = 8_000 / 4 * (0.25 / 5 + 0.75 / 1)
    own = np.mean([names[place] == names[kind] for place, kind in zip(done.agent_of, kinds, strict=True)])

    assert done.seconds < 0.6 * blind
    assert own > 0.5


def test_an_agent_with_room_for_two_gets_two_at_once() -> None:
    state, parcels = begin_foraging(items_of(costs(100)), ["a", "b"]).ask(["a", "b", "a"])

    assert [parcel.agent for parcel in parcels] == ["a", "b", "a"]
    assert set(state.out) == {0, 1, 2}


def test_capacity_is_used() -> None:
    done = allocate(np.ones(4_000), [Worker("one", 1.0, capacity=1), Worker("three", 1.0, capacity=3)])

    assert done.counts()["three"] == pytest.approx(3_000, rel=0.02)
    assert done.seconds == pytest.approx(1_000, rel=0.02)


@given(
    count=st.integers(0, 300),
    seed=st.integers(0, 999),
    agents=st.integers(1, 8),
    kinds=st.integers(1, 4),
    fails=st.floats(0, 0.4),
    most=st.integers(1, 80),
)
@settings(max_examples=80, deadline=None)
def test_every_item_is_done_once_whoever_fails(
    count: int, seed: int, agents: int, kinds: int, fails: float, most: int
) -> None:
    rng = np.random.default_rng(seed)
    items = items_of(costs(count, seed), rng.integers(0, kinds, count))
    names = [f"agent-{place}" for place in range(agents)]
    speed = rng.uniform(0.1, 10, agents)

    def takes(parcel: Parcel, now: float) -> float | None:
        lost = parcel.agent != names[0] and rng.random() < fails
        return None if lost else items.cost(parcel.start, parcel.end) / speed[names.index(parcel.agent)]

    done = worked_off(begin_foraging(items, names, seed=seed, most_items=most), {}, takes)

    numbers = np.concatenate([items.numbers(parcel) for parcel in done.parcels] or [np.empty(0, dtype=int)])
    assert sorted(numbers.tolist()) == list(range(count))
    assert (done.agent_of >= 0).all()
    assert all(1 <= parcel.end - parcel.start <= most for parcel in done.parcels)


def test_the_same_seed_gives_the_same_assignment() -> None:
    kinds = np.arange(3_000) % 3
    workers = [Worker(name, rate) for name, rate in SPEEDS.items()]
    one, same, other = (allocate(costs(3_000), workers, kinds=kinds, seed=seed) for seed in (1, 1, 2))

    assert np.array_equal(one.agent_of, same.agent_of)
    assert one.parcels == same.parcels
    assert not np.array_equal(one.agent_of, other.agent_of)


def test_work_that_is_kept_as_json_between_any_two_words_goes_on_the_same() -> None:
    items = items_of(costs(2_000), np.arange(2_000) % 3)

    def course(keep: Any) -> tuple[list[Parcel], str]:
        state, sent, free = begin_foraging(items, list(SPEEDS), seed=4), [], list(SPEEDS)
        while not state.done:
            state, parcels = keep(state).ask(free)
            sent += parcels
            number = max(state.out)
            free = [state.out[number].agent]
            state = keep(keep(state).tell(number, None if number % 7 == 3 else number % 5 + 0.1))
        return sent, json.dumps(state.to_json(), sort_keys=True)

    assert course(lambda state: state) == course(
        lambda state: Forager.from_json(items, json.loads(json.dumps(state.to_json(), allow_nan=False)))
    )


def test_what_was_kept_of_other_items_is_refused() -> None:
    kept = begin_foraging(items_of([1.0, 2.0]), ["a"]).to_json()

    with pytest.raises(SwarmStateUnreadable):
        Forager.from_json(items_of([1.0, 2.5]), kept)
    with pytest.raises(SwarmStateUnreadable):
        Forager.from_json(items_of([1.0, 2.0]), {**kept, "pools": [["x"]]})


def test_a_parcel_that_comes_back_twice_counts_once() -> None:
    state, [parcel] = begin_foraging(items_of(costs(50)), ["a"]).ask(["a"])
    once = state.tell(parcel.number, 1.0)

    assert once.tell(parcel.number, 9.0) is once
    assert once.tell(parcel.number, None) is once


def test_where_all_have_failed_nobody_is_left_until_one_is_heard_of_again() -> None:
    state = begin_foraging(items_of(costs(50)), ["a"])
    for _ in range(3):
        state, [parcel] = state.ask(["a"])
        state = state.tell(parcel.number, None)

    with pytest.raises(NobodyLeft):
        state.ask(["a"])
    _, parcels = state.welcome("a").ask(["a"])
    assert len(parcels) == 1


def test_a_clock_that_stood_still_does_not_break_the_trail() -> None:
    state, [parcel] = begin_foraging(items_of(costs(50)), ["a"]).ask(["a"])

    assert np.isfinite(state.tell(parcel.number, 0.0).trail).all()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: items_of([1.0, 0.0]),
        lambda: items_of([1.0, float("nan")]),
        lambda: items_of([1.0], [0, 1]),
        lambda: items_of([1.0], [-1]),
        lambda: begin_foraging(items_of([1.0]), []),
        lambda: begin_foraging(items_of([1.0]), ["a", "a"]),
        lambda: begin_foraging(items_of([1.0]), ["a"], least_items=9, most_items=3),
        lambda: begin_foraging(items_of([1.0]), ["a"], rates={"a": -1.0}),
        lambda: begin_foraging(items_of([1.0]), ["a"]).ask(["b"]),
        lambda: allocate([1.0], [Worker("a", 0.0)]),
        lambda: allocate([1.0], [Worker("a", capacity=0)]),
    ],
)
def test_what_cannot_be_shared_out_is_refused(wrong: Any) -> None:
    with pytest.raises(SwarmSettingsRefused):
        wrong()


def test_nothing_to_do_is_done() -> None:
    assert begin_foraging(items_of([]), ["a"]).done
    assert allocate([], [Worker("a")]).seconds == 0
