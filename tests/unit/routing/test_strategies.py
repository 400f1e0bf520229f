"""What each strategy chooses, the candidates drawn beside."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from agents.errors import UnknownStrategy
from agents.routing import Candidates, Loads, Memory, Request, Rule, Standing, decide
from tests.unit.routing.scenes import choose, drawn, names, performer


def test_round_robin_asks_each_once_before_anybody_twice() -> None:
    candidates, loads = drawn("a:0/5 b:0/5 c:0/5")
    memory = Memory(random.Random(3))

    asked = [names(decide(candidates, Request("round_robin"), loads, memory))[0] for _ in range(6)]

    assert sorted(asked[:3]) == ["a", "b", "c"]
    assert asked[3:] == asked[:3]


def test_the_neighbour_of_an_agent_that_is_down_does_not_get_the_work_of_two() -> None:
    candidates, loads = drawn("a:0/5 b:0/5!its_circuit_is_open c:0/5 d:0/5")
    memory = Memory(random.Random(3))

    asked = Counter(names(decide(candidates, Request("round_robin"), loads, memory))[0] for _ in range(300))

    assert asked == {"a": 100, "c": 100, "d": 100}


def test_round_robin_finds_the_only_one_left_of_very_many() -> None:
    candidates = Candidates([performer(f"a{n}") for n in range(500)])
    loads = Loads.of(candidates, {f"id-a{n}": Standing(shut="down") for n in range(500) if n != 321})

    assert choose(candidates, "round_robin", loads) == ["a321"]


def test_two_workers_do_not_go_round_in_step() -> None:
    candidates, loads = drawn(" ".join(f"a{n}:0/5" for n in range(20)))
    one, two = Memory(random.Random(1)), Memory(random.Random(2))

    together = sum(
        decide(candidates, Request("round_robin"), loads, one).chosen[0]
        == decide(candidates, Request("round_robin"), loads, two).chosen[0]
        for _ in range(200)
    )

    assert together < 60


@pytest.mark.parametrize(
    ("line", "chosen"),
    [
        ("a:2/5 b:1/5 c:4/5", ["b", "a"]),
        ("a:2/5 b:3/10 c:4/5", ["b", "a"]),  # three of ten is less than two of five
        ("a:5/5 b:4/5 c:5/5", ["b"]),
        ("a:5/5 b:5/5", []),
        ("a:9 b:1/5", ["a", "b"]),  # no limit: counts as one of a hundred places
    ],
)
def test_least_loaded_goes_by_the_part_that_is_taken(line: str, chosen: list[str]) -> None:
    candidates, loads = drawn(line)

    assert choose(candidates, "least_loaded", loads) == chosen


def test_fresh_loads_are_looked_at_all() -> None:
    candidates, _ = drawn(" ".join(f"a{n}:1/5" for n in range(50)))
    standing = {f"id-a{n}": Standing(0 if n == 33 else 1, 5) for n in range(50)}

    assert choose(candidates, "least_loaded", Loads.of(candidates, standing, fresh=True))[0] == "a33"


def test_least_loaded_never_names_anybody_who_is_worse_than_all_it_drew() -> None:
    candidates, loads = drawn(" ".join(f"a{n}:{n % 5}/5" for n in range(50)))

    first, second = choose(candidates, "least_loaded", loads)

    assert int(first[1:]) % 5 <= int(second[1:]) % 5


def test_weights_say_how_much_of_the_work_each_gets() -> None:
    candidates = Candidates([performer("a", weight=5.0), performer("b"), performer("c"), performer("d", weight=0.0)])
    memory = Memory(random.Random(1))

    asked = [names(decide(candidates, Request("weighted"), Loads.of(candidates), memory))[0] for _ in range(70)]

    got = Counter(asked)
    assert abs(got["a"] - 50) <= 1
    assert abs(got["b"] - 10) <= 1
    assert got["d"] == 0
    assert "aaaaaaa" not in "".join(asked)  # and not all at once


def test_a_weight_of_nothing_gets_work_where_there_is_nobody_else() -> None:
    candidates = Candidates([performer("a"), performer("b", weight=0.0)])

    assert choose(candidates, "weighted", Loads.of(candidates, {"id-a": Standing(shut="down")})) == ["b"]


PRIORITIES = [performer("low"), performer("high1", priority=9), performer("high2", priority=9)]


@pytest.mark.parametrize(
    ("standing", "chosen"),
    [
        ({"id-high1": Standing(1, 5), "id-high2": Standing(2, 5)}, ["high1", "high2"]),
        ({"id-high1": Standing(5, 5), "id-high2": Standing(2, 5)}, ["high2", "low"]),
        ({"id-high1": Standing(5, 5), "id-high2": Standing(shut="drains")}, ["low"]),
    ],
)
def test_the_highest_priority_shares_the_work_until_it_is_full(standing: Any, chosen: list[str]) -> None:
    candidates = Candidates(PRIORITIES)

    assert choose(candidates, "priority", Loads.of(candidates, standing)) == chosen


@pytest.mark.parametrize(
    ("line", "chosen"),
    [
        ("b:4/5 a:4/5 c:0/5", ["a", "b"]),  # load is nothing to failover
        ("b:0/5 a:0/5!open c:0/5", ["b", "c"]),
        ("b:5/5 a:0/5!open c:0/5", ["c"]),
    ],
)
def test_failover_is_by_priority_and_then_by_name(line: str, chosen: list[str]) -> None:
    candidates, loads = drawn(line)

    assert choose(candidates, "failover", loads) == chosen


def test_failover_begins_with_the_highest_priority() -> None:
    candidates = Candidates([performer("a"), performer("z", priority=1)])

    assert choose(candidates, "failover") == ["z", "a"]


def test_broadcast_is_for_everybody_who_can() -> None:
    candidates, loads = drawn("a:0/5 b:5/5 c:1/5 d:0/5!drains")

    assert choose(candidates, "broadcast", loads, wanted=1) == ["a", "c"]
    assert choose(candidates, "broadcast") == ["a", "b", "c", "d"]


def test_a_key_stays_with_its_agent_whatever_its_load() -> None:
    candidates, loads = drawn("a:4/5 b:4/5 c:4/5 d:4/5")
    idle = Loads.of(candidates)

    for key in "abcdefgh":
        assert choose(candidates, "affinity", loads, key=key) == choose(candidates, "affinity", idle, seed=9, key=key)


def test_a_key_is_with_the_agent_that_had_it_and_moves_when_that_cannot() -> None:
    candidates, loads = drawn("a:0/5 b:0/5 c:0/5 d:0/5")
    others = [name for name in "abcd" if name != choose(candidates, "affinity", key="k")[0]]

    assert choose(candidates, "affinity", loads, key="k", bound_to=f"id-{others[0]}")[0] == others[0]
    down = Loads.of(candidates, {f"id-{others[0]}": Standing(shut="down")})
    moved = choose(candidates, "affinity", down, key="k", bound_to=f"id-{others[0]}")
    assert moved[0] == choose(candidates, "affinity", loads, key="k")[0]


def test_keys_go_by_weight() -> None:
    candidates = Candidates([performer("a", weight=3.0), performer("b"), performer("c", weight=0.0)])

    got = Counter(choose(candidates, "affinity", key=f"key-{n}")[0] for n in range(2000))

    assert 1400 < got["a"] < 1600
    assert got["c"] == 0


def test_a_hot_key_goes_on_to_the_next_when_its_agent_has_more_than_its_part() -> None:
    candidates = Candidates([performer(name) for name in "abcd"])
    first, second = choose(candidates, "consistent_hash", key="hot")

    busy = Loads.of(candidates, {f"id-{first}": Standing(4, 50)})

    assert choose(candidates, "consistent_hash", busy, key="hot")[0] == second


RULES = (
    Rule("german", lambda payload: payload["language"] == "de", tags=frozenset({"de"})),
    Rule("large", lambda payload: payload["pages"] > 100, agents=frozenset({"big"}), then="failover"),
)
READERS = [performer("big"), performer("de1", tags=frozenset({"de"})), performer("de2", tags=frozenset({"de", "x"}))]


@pytest.mark.parametrize(
    ("payload", "chosen", "reason"),
    [
        ({"language": "de", "pages": 500}, {"de1", "de2"}, "rule 'german' holds: 2 of 3 may have it"),
        ({"language": "en", "pages": 500}, {"big"}, "rule 'large' holds: 1 of 3 may have it"),
        ({"language": "en", "pages": 1}, {"big", "de1", "de2"}, "no rule holds: anybody"),
        ({"pages": 500}, {"big"}, "rule 'german' cannot be evaluated: KeyError: 'language'"),
    ],
)
def test_the_first_rule_that_holds_says_who_may_have_it(payload: Any, chosen: set[str], reason: str) -> None:
    candidates = Candidates(READERS)
    request = Request("content", payload=payload, rules=RULES, wanted=3)

    decision = decide(candidates, request, Loads.of(candidates), Memory(random.Random(1)))

    assert set(names(decision)) == chosen
    assert reason in [each.text for each in decision.reasons]


@pytest.mark.parametrize("then", ["content", "nothing"])
def test_a_rule_ends_in_a_strategy_that_is_there_and_no_rules(then: str) -> None:
    with pytest.raises(UnknownStrategy, match="least_loaded"):
        choose(Candidates(READERS), "content", rules=(Rule("round", then=then),))


def test_a_strategy_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UnknownStrategy, match="Did you mean 'least_loaded'"):
        choose(Candidates(READERS), "least_load")


def test_who_was_tried_for_one_piece_of_work_is_asked_for_the_next() -> None:
    candidates, loads = drawn("a:0/5 b:0/5")

    assert choose(candidates, "failover", loads, exclude=frozenset({"id-a"})) == ["b"]
    assert choose(candidates, "failover", loads) == ["a", "b"]


def test_light_agents_get_their_part_though_turns_begin_anew_again_and_again() -> None:
    candidates = Candidates([performer("heavy", weight=16.0), *(performer(f"light{n}") for n in range(4))])
    got: Counter[str] = Counter()
    for seed in range(1000):
        got[choose(candidates, "weighted", seed=seed)[0]] += 1

    assert min(got[f"light{n}"] for n in range(4)) > 15
