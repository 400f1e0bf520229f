"""Steps that no agent can take at this moment: how long they stand aside, and how long they may."""

from __future__ import annotations

import random
from datetime import datetime

from orchestrator_site import clock
from projects.blueprints.schema import TimeoutsSpec
from projects.models import Attempt, Step
from projects.services.attempts import Claim
from projects.states import AttemptOutcome

FIRST = 0.25
LONGEST = 10.0
"""Seconds between two looks at most: an agent that comes back is not to be waited for much longer."""


def delay(step: Claim, retry_after: float, rng: random.Random) -> float:
    """Seconds until the step looks again: longer each time, no sooner than it was told, and not with all the others."""
    looks = max(0, step.attempt - 1 - step.failures)
    longer: float = FIRST * 2 ** min(looks, 16)
    return max(retry_after, min(LONGEST, longer)) * rng.uniform(1.0, 1.25)


def has_waited_too_long(step: Claim) -> bool:
    """Whether nobody has begun this attempt for as long as ``schedule_to_start`` allows."""
    longest = limits(step).schedule_to_start
    return longest is not None and (clock.now() - _waits_since(step)).total_seconds() >= longest


def has_time_for(step: Claim, delay: float) -> bool:
    """Whether an attempt in so many seconds would begin within ``schedule_to_close``."""
    left = time_left(step)
    return left is None or delay < left


def time_left(step: Claim) -> float | None:
    """Seconds that are left of ``schedule_to_close``; None where the step has no such limit."""
    longest = limits(step).schedule_to_close
    if longest is None:
        return None
    return longest - (clock.now() - _began(step)).total_seconds()


def limits(step: Claim) -> TimeoutsSpec:
    """The step's limits of time beside the timeout of an attempt."""
    return TimeoutsSpec.model_validate(step.spec.get("timeouts") or {})


def _waits_since(step: Claim) -> datetime:
    """When its last attempt that was one ended; when it was first claimed, where there is none."""
    real = Attempt.objects.filter(step_id=step.id).exclude(outcome__in=(AttemptOutcome.HELD, AttemptOutcome.RUNNING))
    last: datetime | None = real.order_by("-number").values_list("finished_at", flat=True).first()
    return last or _began(step)


def _began(step: Claim) -> datetime:
    began: datetime | None = Step.objects.filter(pk=step.id).values_list("started_at", flat=True).first()
    return began or clock.now()
