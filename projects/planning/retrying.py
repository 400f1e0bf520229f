"""Whether a step that failed is tried again, and when."""

from __future__ import annotations

import random
from dataclasses import dataclass

from projects.blueprints.schema import RetryPolicy


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again, not before ``delay`` seconds have passed by the database's clock."""

    delay: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not try again: ``cause`` says why, for a person."""

    cause: str


def after_failure(policy: RetryPolicy, *, failures: int, retryable: bool, rng: random.Random) -> Retry | GiveUp:
    """Decide after the ``failures``-th failure of a step (1 for the first)."""
    if not retryable:
        return GiveUp("the error is of a kind that trying again does not mend")
    if failures >= policy.max_attempts:
        return GiveUp(f"all {policy.max_attempts} attempts failed")
    return Retry(backoff(policy, failures, rng))


def after_crash(*, crashes: int, limit: int) -> Retry | GiveUp:
    """Decide after a worker fell silent with the step for the ``crashes``-th time.

    A step that takes its worker down again and again is a poison step: it is failed rather than tried for ever.
    """
    if crashes >= limit:
        return GiveUp(f"its worker died or fell silent {crashes} times")
    return Retry(0.0)


def backoff(policy: RetryPolicy, failures: int, rng: random.Random) -> float:
    """Seconds to wait after the ``failures``-th failure.

    Jitter after M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): *full* draws from 0 to
    the backoff, *equal* from half of it, *decorrelated* from the base to three times the backoff before this one.
    """
    longest = min(policy.cap, _growth(policy, failures))
    if policy.jitter == "full":
        return rng.uniform(0, longest)
    if policy.jitter == "equal":
        return longest / 2 + rng.uniform(0, longest / 2)
    if policy.jitter == "decorrelated":
        before = min(policy.cap, _growth(policy, failures - 1)) if failures > 1 else policy.base
        return min(policy.cap, rng.uniform(policy.base, max(policy.base, before * 3)))
    return longest


def _growth(policy: RetryPolicy, failures: int) -> float:
    if policy.backoff == "constant":
        return policy.base
    if policy.backoff == "linear":
        return policy.base * failures
    # Beyond 2**60 the cap has long decided, and a float would overflow in the end.
    return policy.base * 2.0 ** min(failures - 1, 60)
