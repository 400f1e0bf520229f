"""The rate of an agent over long courses: the scripts count, cut, raise and measure as the pure module, bit by bit."""

from __future__ import annotations

import random

import pytest
from redis import Redis

from agents.resilience import guarding
from agents.resilience.circuit import CircuitRules
from agents.resilience.guarding import Guard, Let
from agents.resilience.outcomes import Ending, Outcome
from agents.resilience.places import Places
from agents.resilience.rate import RateRules
from agents.resilience.rules import Rules
from agents.resilience.shared import SEPARATOR
from agents.resilience.values import Admitted
from tests.resilience.desks import Clock, store

STEADY = CircuitRules(failures=1000)
PLACE = SEPARATOR.join(("w", "a", "p", "1"))


@pytest.mark.parametrize("seed", range(8))
def test_a_long_course_of_calls_gives_the_same_rate(client: Redis, prefix: str, seed: int) -> None:
    rng = random.Random(seed)
    clock = Clock(client, prefix)
    shared = store(prefix, clock)
    limit = rng.choice([None, None, 6.0])
    rules = Rules(STEADY, RateRules(limit, floor=0.5, ceiling=40.0, increase=rng.choice([1.0, 10.0])), places=10)
    guard, project, cuts, slow = Guard(), Places(), 0, 0.05

    for _ in range(300):
        clock.move(rng.choice([0.0, 0.01, 0.05, 0.3]))
        slow = rng.choice([0.05, 3.0]) if rng.random() < 0.03 else slow
        guard, project, answer = guarding.admit(guard, project, rules, 10, clock.now, PLACE)
        assert shared.admit("a", "p", PLACE, rules, 10)[0] == answer
        if not isinstance(answer, Let):
            clock.move(answer.wait * rng.choice([0.5, 1.0001]))
            continue
        ending = Ending.TIMED_OUT if rng.random() < 0.05 else Ending.ANSWERED
        seconds = slow * rng.uniform(0.8, 1.2)
        clock.move(rng.choice([0.0, 0.02, 0.7]) if ending is Ending.TIMED_OUT else 0.0)
        before = guard.rate.cut_at
        guard = guarding.ended(guard, rules, clock.now, PLACE, answer.generation, Outcome(ending), seconds)
        shared.ended(
            Admitted("a", "p", PLACE, rules, 10, answer.generation, False), Outcome(ending), seconds, release=False
        )
        cuts += guard.rate.cut_at != before
        told = shared.describe("a")["rate"]
        assert told == {"limit": guard.rate.rate, "latency": guard.rate.fast, "usual_latency": guard.rate.slow}

    assert cuts >= 3, "the course was too smooth to show anything"
    assert guard.rate.samples > 40


@pytest.mark.parametrize(("later", "rate"), [(0.1, 10.0), (0.75, 5.0), (2.0, 1.0)])
def test_what_is_cut_first_is_what_was_sent_in_the_second_before(
    client: Redis, prefix: str, later: float, rate: float
) -> None:
    clock = Clock(client, prefix)
    shared = store(prefix, clock)
    clock.move(0.75 - clock.now % 1.0)
    rules = Rules(STEADY, RateRules(floor=1.0, ceiling=1000.0), places=10)
    guard, project = Guard(), Places()
    for _ in range(20):
        guard, project, answer = guarding.admit(guard, project, rules, 10, clock.now, PLACE)
        assert shared.admit("a", "p", PLACE, rules, 10)[0] == answer
    clock.move(later)

    timed_out = Outcome(Ending.TIMED_OUT)
    guard = guarding.ended(guard, rules, clock.now, PLACE, 0, timed_out, 9.0)
    shared.ended(Admitted("a", "p", PLACE, rules, 10, 0, False), timed_out, 9.0, release=True)

    assert shared.describe("a")["rate"]["limit"] == guard.rate.rate == pytest.approx(rate, abs=0.01)
