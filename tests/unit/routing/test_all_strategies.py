"""What holds for every strategy."""

from __future__ import annotations

import json
import random

import pytest

from agents.routing import STRATEGIES, Candidates, Loads, Memory, Request, Rule, Standing, decide
from tests.unit.routing.scenes import choose, drawn, names, performer

ALL = pytest.mark.parametrize("strategy", sorted(STRATEGIES))
LINE = "a:1/5 b:5/5 c:0/5!its_circuit_is_open d:2/5 e:0/5 f:4/5"


def test_there_are_nine_and_each_bears_the_name_that_it_is_found_by() -> None:
    assert len(STRATEGIES) == 9
    assert {name: strategy.name for name, strategy in STRATEGIES.items()} == {name: name for name in STRATEGIES}


@ALL
def test_who_is_full_shut_or_tried_before_is_never_chosen(strategy: str) -> None:
    candidates, loads = drawn(LINE)

    for seed in range(50):
        asked = {"key": f"k{seed}", "exclude": frozenset({"id-e", "id-unknown"}), "wanted": 6}
        chosen = choose(candidates, strategy, loads, seed, **asked)
        assert sorted(chosen) == ["a", "d", "f"]


@ALL
def test_nobody_is_chosen_where_nobody_can_and_it_says_when_to_come_again(strategy: str) -> None:
    candidates = Candidates([performer("a"), performer("b")])
    down = Standing(shut="its circuit is open", retry_after=3.0)
    loads = Loads.of(candidates, {"id-a": down, "id-b": Standing(shut="it is limited", retry_after=1.5)})

    decision = decide(candidates, Request(strategy), loads, Memory(random.Random(1)))

    assert decision.chosen == ()
    assert decision.retry_after == 1.5
    assert decision.reasons[-1].text == "none of 2 can take it now"
    assert [(one.name, one.why) for one in decision.left_out] == [("a", "its circuit is open"), ("b", "it is limited")]


@ALL
def test_of_no_candidates_nobody_is_chosen(strategy: str) -> None:
    candidates = Candidates([])

    decision = decide(candidates, Request(strategy), Loads.of(candidates), Memory(random.Random(1)))

    assert decision.chosen == ()
    assert decision.sentence == "no agent does this"


@ALL
def test_the_same_seed_decides_the_same(strategy: str) -> None:
    candidates, loads = drawn(LINE)
    courses = []
    for _ in range(2):
        memory = Memory(random.Random(5))
        courses.append([decide(candidates, Request(strategy, key=f"k{n}"), loads, memory).chosen for n in range(30)])

    assert courses[0] == courses[1]


@ALL
def test_no_agent_is_named_twice_and_no_more_than_were_wanted(strategy: str) -> None:
    candidates, loads = drawn(" ".join(f"a{n}:{n % 4}/5" for n in range(30)))
    memory = Memory(random.Random(5))

    for wanted in range(1, 8):
        chosen = names(decide(candidates, Request(strategy, key=f"k{wanted}", wanted=wanted), loads, memory))
        assert len(set(chosen)) == len(chosen)
        assert len(chosen) == (30 if strategy == "broadcast" else wanted)


@ALL
def test_reasons_are_words_that_json_can_hold_and_name_few(strategy: str) -> None:
    candidates = Candidates([performer(f"a{n}") for n in range(100)], version=4)
    loads = Loads.of(candidates, {f"id-a{n}": Standing(5, 5) for n in range(60)})
    rules = (Rule("any", lambda payload: True),)

    decision = decide(candidates, Request(strategy, key="k", rules=rules), loads, Memory(random.Random(1)))
    kept = json.loads(json.dumps(decision.to_json()))

    assert kept["strategy"] == strategy
    assert kept["registry_version"] == 4
    assert kept["considered"] == 100
    assert kept["left_out_count"] == 60
    assert len(kept["left_out"]) == 5
    assert len(kept["chosen"]) <= 5
    assert all(reason["code"] and reason["text"] for reason in kept["reasons"])
    assert decision.sentence.endswith("55 more left out")


@ALL
def test_reasons_tell_what_was_true_when_it_was_decided(strategy: str) -> None:
    candidates, loads = drawn(LINE)
    decision = decide(candidates, Request(strategy, key="k"), loads, Memory(random.Random(1)))
    said = decide(candidates, Request(strategy, key="k"), loads, Memory(random.Random(1))).sentence

    for index in range(6):
        loads = loads.with_more(index, 3)

    assert decision.sentence == said


@ALL
def test_who_is_unwell_is_asked_where_no_other_can(strategy: str) -> None:
    candidates = Candidates([performer("sick", health=0.4, priority=9), performer("well")], healthy_from=0.7)

    assert choose(candidates, strategy, key="k")[0] == "well"
    assert choose(candidates, strategy, Loads.of(candidates, {"id-well": Standing(shut="down")}), key="k") == ["sick"]
