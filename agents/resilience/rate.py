"""How many calls a second an agent gets: a fixed limit, and one that follows what the agent can take.

The second is additive increase, multiplicative decrease (D. Chiu and R. Jain, 1989) of a token bucket's rate. An
agent is free until it first pushes back; what is cut then is the rate at which it was called, not the ceiling it
might have been called at, so that the first cut bites already. A second's calls make one signal, however many of
them fail. At its ceiling the agent is free again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

SETTLE = 1.0
"""Seconds between two cuts: calls that were under way when the first was made say nothing new."""
_FAST, _SLOW = 0.3, 0.02  # weights of a new latency in the average of the last few calls, and in the baseline
_FEWEST = 20  # latencies before the baseline is believed


@dataclass(frozen=True, slots=True)
class RateRules:
    """Rates in calls a second.

    ``limit`` is fixed, None for none. An ``adaptive`` rate moves between ``floor`` and ``ceiling`` (or the limit): up
    by ``increase`` a second while it is used, down to ``decrease`` times itself. ``slow_factor``: latency of that
    many times its baseline is a reason to cut; 0 for never.
    """

    limit: float | None = None
    adaptive: bool = True
    floor: float = 1.0
    ceiling: float = 1000.0
    increase: float = 1.0
    decrease: float = 0.5
    slow_factor: float = 3.0

    @property
    def top(self) -> float:
        """The highest rate that is kept count of."""
        return self.ceiling if self.limit is None else min(self.ceiling, self.limit)

    @property
    def bottom(self) -> float:
        """The rate below which nothing is cut."""
        return min(self.floor, self.top)

    @property
    def unpaced(self) -> bool:
        """Whether calls are never counted nor held back."""
        return self.limit is None and not self.adaptive


@dataclass(frozen=True, slots=True)
class Rate:
    """``rate`` None while it was not cut; ``tokens`` as of ``at``; calls ``sent`` in ``second`` and ``before`` it;
    latency in seconds: ``fast`` of the last calls, ``slow`` the baseline, over ``samples``."""

    rate: float | None = None
    tokens: float = 0.0
    at: float = 0.0
    cut_at: float = 0.0
    second: float = 0.0
    sent: int = 0
    before: int = 0
    fast: float = 0.0
    slow: float = 0.0
    samples: int = 0


def in_force(rate: Rate, rules: RateRules) -> float | None:
    """Calls a second, None where there is no limit now."""
    if rate.rate is None:
        return rules.limit
    return rate.rate if rules.limit is None else min(rate.rate, rules.limit)


def wait(rate: Rate, rules: RateRules, now: float) -> float:
    """Seconds until a call may go: 0 for now."""
    pace = in_force(rate, rules)
    if pace is None:
        return 0.0
    tokens = _refilled(rate, pace, now)
    return 0.0 if tokens >= 1.0 else (1.0 - tokens) / pace


def sent(rate: Rate, rules: RateRules, now: float) -> Rate:
    """After ``wait`` gave 0: with the call on its way."""
    pace = in_force(rate, rules)
    if pace is not None:
        rate = replace(rate, tokens=_refilled(rate, pace, now) - 1.0, at=now)
    if not rules.adaptive:
        return rate
    second = float(math.floor(now))
    if second == rate.second:
        return replace(rate, sent=rate.sent + 1)
    return replace(rate, second=second, before=rate.sent if second == rate.second + 1.0 else 0, sent=1)


def answered(rate: Rate, rules: RateRules, now: float, seconds: float) -> Rate:
    """After a call that took ``seconds`` and succeeded: a little more, or less where answers have become slow."""
    if not rules.adaptive:
        return rate
    samples = rate.samples + 1
    share = max(_SLOW, 1.0 / samples)
    fast = seconds if samples == 1 else rate.fast + _FAST * (seconds - rate.fast)
    slow = rate.slow + share * (seconds - rate.slow)
    rate = replace(rate, samples=samples, fast=fast, slow=slow)
    if rules.slow_factor > 0 and samples >= _FEWEST and fast > rules.slow_factor * slow:
        return pushed_back(rate, rules, now)
    if rate.rate is None:
        return rate
    grown = rate.rate + rules.increase / max(rate.rate, 1.0)
    return replace(rate, rate=None if grown >= rules.top else grown)


def pushed_back(rate: Rate, rules: RateRules, now: float) -> Rate:
    """After the agent showed that it is asked too much: 429, 503, a timeout, answers far slower than usual."""
    if not rules.adaptive or now - rate.cut_at < SETTLE:
        return rate
    pace = in_force(rate, rules)
    called = max(measured(rate, now), rules.bottom)
    cut = min(rules.top if pace is None else pace, called) * rules.decrease
    return replace(rate, rate=max(rules.bottom, cut), tokens=0.0, at=now, cut_at=now)


def measured(rate: Rate, now: float) -> float:
    """Calls in the second up to now, those of the second before taken as spread evenly."""
    second = float(math.floor(now))
    rest = 1.0 - (now - second)
    if second == rate.second:
        return rate.before * rest + rate.sent
    return rate.sent * rest if second == rate.second + 1.0 else 0.0


def _refilled(rate: Rate, pace: float, now: float) -> float:
    # A bucket holds a second's calls, and one at least.
    return min(max(1.0, pace), rate.tokens + (now - rate.at) * pace)
