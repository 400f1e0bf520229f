"""How many calls a second an agent gets: moments in seconds, rates in calls a second."""

from __future__ import annotations

import pytest

from agents.resilience.rate import Rate, RateRules, answered, in_force, measured, pushed_back, sent, wait

ADAPTIVE = RateRules(floor=1.0, ceiling=100.0, increase=1.0, decrease=0.5)


def called(rate: Rate, rules: RateRules, moments: list[float]) -> Rate:
    for moment in moments:
        assert wait(rate, rules, moment) == 0
        rate = sent(rate, rules, moment)
    return rate


def spread(start: float, calls: int) -> list[float]:
    return [start + number / calls for number in range(calls)]


def test_an_agent_that_never_pushed_back_is_called_without_limit() -> None:
    assert wait(called(Rate(), ADAPTIVE, [100.0] * 500), ADAPTIVE, 100.0) == 0


def test_a_fixed_limit_holds_over_any_second_after_the_first_burst() -> None:
    rules = RateRules(limit=10.0, adaptive=False)
    rate, now, let = Rate(), 100.0, 0
    while now < 110.0:
        if wait(rate, rules, now) == 0:
            rate, let = sent(rate, rules, now), let + 1
        now += 0.01

    assert 100 <= let <= 111


def test_it_says_when_the_next_call_may_go() -> None:
    rules = RateRules(limit=0.5, adaptive=False)
    rate = sent(Rate(), rules, 100.0)

    assert wait(rate, rules, 100.0) == pytest.approx(2.0)
    assert wait(rate, rules, 101.5) == pytest.approx(0.5)
    assert wait(rate, rules, 102.0) == 0.0


def test_the_first_cut_is_of_the_rate_at_which_it_was_called() -> None:
    rate = called(Rate(), ADAPTIVE, spread(100, 40) + spread(101, 40))

    assert measured(rate, 101.99) == pytest.approx(40, rel=0.03)
    assert in_force(pushed_back(rate, ADAPTIVE, 101.99), ADAPTIVE) == pytest.approx(20, rel=0.03)


def test_calls_that_fail_together_are_one_reason_to_cut() -> None:
    rate = called(Rate(), ADAPTIVE, spread(100, 40))
    once = pushed_back(rate, ADAPTIVE, 101.0)
    again = pushed_back(pushed_back(once, ADAPTIVE, 101.1), ADAPTIVE, 101.9)

    assert again.rate == once.rate


def test_it_is_never_cut_below_its_floor() -> None:
    rate = Rate()
    for second in range(100, 120):
        rate = pushed_back(rate, ADAPTIVE, float(second))

    assert in_force(rate, ADAPTIVE) == ADAPTIVE.floor


def test_used_to_the_full_it_gains_about_its_increase_a_second() -> None:
    rate = pushed_back(called(Rate(), ADAPTIVE, spread(100, 40)), ADAPTIVE, 101.0)
    before = rate.rate
    assert before is not None
    for _ in range(round(before)):
        rate = answered(rate, ADAPTIVE, 102.0, 0.1)

    assert rate.rate == pytest.approx(before + 1.0, rel=0.05)


def test_at_its_ceiling_it_is_free_again() -> None:
    rate = Rate(rate=99.999)

    assert answered(rate, ADAPTIVE, 100.0, 0.1).rate is None


def test_an_adaptive_rate_stays_below_a_fixed_limit() -> None:
    rules = RateRules(limit=4.0, floor=1.0, ceiling=100.0)
    rate = pushed_back(Rate(), rules, 100.0)

    assert in_force(rate, rules) == 1.0
    for _ in range(50):
        rate = answered(rate, rules, 101.0, 0.1)
    assert in_force(rate, rules) == 4.0


def test_answers_far_slower_than_usual_are_a_reason_to_cut() -> None:
    rate = called(Rate(), ADAPTIVE, spread(100, 30))
    for _ in range(30):
        rate = answered(rate, ADAPTIVE, 100.9, 0.1)
    assert rate.rate is None
    for _ in range(5):
        rate = answered(rate, ADAPTIVE, 100.9, 2.0)

    assert rate.rate is not None


def test_what_stays_slow_becomes_usual() -> None:
    rate = Rate()
    for latency in [0.1] * 30 + [2.0] * 400:
        rate = answered(rate, ADAPTIVE, 100.0, latency)

    assert rate.fast < ADAPTIVE.slow_factor * rate.slow


def test_one_slow_answer_is_no_reason() -> None:
    rate = Rate()
    for latency in [0.1] * 30 + [0.7]:
        rate = answered(rate, ADAPTIVE, 100.0, latency)

    assert rate.rate is None
