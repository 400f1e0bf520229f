"""Steps that no agent can take at this moment: how long they stand aside; and the limits of time of a step.

Two limits have a timer each, whose clock stands still in a pause: how long a step may wait for somebody to begin it,
and how long it may take with all its attempts. What follows from these moments the pure ``timeouts`` say.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from uuid import UUID

from agents.errors import AgentTimedOut, NoAgentNow
from agents.resilience import timeouts
from agents.resilience.timeouts import Moments, TimeLimit, TimeLimits
from projects import sql
from projects.blueprints.schema import TimeoutsSpec
from projects.errors import StartTimedOut
from projects.services.attempts import Claim

FIRST = 0.25
LONGEST = 10.0
"""Seconds between two looks at most: an agent that has room again is not to be waited for much longer."""
LONGEST_FOR_NOBODY = 60.0
"""The same where there is no agent at all: whoever registers sends for the step (``arrivals``)."""

_NO_LIMITS = TimeoutsSpec()


@dataclass(frozen=True, slots=True)
class Clocks:
    """A step's limits, the moments from which they count, and now: all as the database has them.

    ``last`` is why it was put back, the last time.
    """

    limits: TimeLimits
    moments: Moments
    now: float
    last: str = ""

    @property
    def passed(self) -> TimeLimit | None:
        """The limit after which no attempt may begin any more, where one has passed."""
        found = timeouts.passed(self.limits, self.moments, self.now)
        return found.limit if found is not None else None

    @property
    def time_left(self) -> float | None:
        """Seconds that an attempt which begins now may take of the step's; None for any number."""
        only = TimeLimits(schedule_to_close=self.limits.schedule_to_close)
        return timeouts.time_left(only, self.moments, self.now)

    def has_time_for(self, delay: float) -> bool:
        """Whether an attempt in so many seconds would begin before the step's time is over."""
        return timeouts.room_for_retry(self.limits, self.moments, self.now, delay)


def delay(step: Claim, error: NoAgentNow, rng: random.Random) -> float:
    """Seconds until the step looks again: longer each time, no sooner than it was told, and not with all the others."""
    longer: float = FIRST * 2 ** min(step.looks, 16)
    longest = LONGEST_FOR_NOBODY if error.nobody else LONGEST
    return max(error.retry_after, min(longest, longer)) * rng.uniform(1.0, 1.25)


def limits(step: Claim) -> TimeoutsSpec:
    """The step's limits of time beside the timeout of an attempt."""
    said = step.spec.get("timeouts")
    return TimeoutsSpec.model_validate(said) if said else _NO_LIMITS


def clocks(step: Claim) -> Clocks | None:
    """How the step's clocks stand; None for a step without such limits, which costs nothing."""
    if "timeouts" not in step.spec:
        return None
    said = limits(step)
    at = sql.rows("clocks", step=step.id)[0]
    now: float = at["now"]
    start, close = said.schedule_to_start, said.schedule_to_close
    # A timer that has been seen to is gone, and its limit with it: somebody began the step in time.
    start, close = (start if at["start"] is not None else None), (close if at["close"] is not None else None)
    moments = Moments(
        first=now if close is None else at["close"] - close,
        scheduled=now if start is None else at["start"] - start,
    )
    return Clocks(TimeLimits(schedule_to_start=start, schedule_to_close=close), moments, now, at["last"] or "")


def check(step: Claim, last: str = "") -> Clocks | None:
    """The step's clocks, where an attempt may begin. ``last`` is why nobody could, the last time.

    Raises ``StartTimedOut`` where nobody began it in time, ``AgentTimedOut`` where its time is over.
    """
    found = clocks(step)
    if found is None or found.passed is None:
        return found
    raise late(step, found.passed, last or found.last)


def late(step: Claim, limit: TimeLimit, last: str = "") -> StartTimedOut | AgentTimedOut:
    """What is to be said of a step that is over its time."""
    if limit is TimeLimit.SCHEDULE_TO_CLOSE:
        return AgentTimedOut("The time of the step with all its attempts is over.")
    said = f" Last: {last}" if last else ""
    return StartTimedOut(f"Nobody began the step within {limits(step).schedule_to_start:g} s.{said}")


def begin_clocks(steps: list[UUID], *, anew: bool) -> None:
    """Set the timers of steps that are ready now; ``anew`` also of those that were begun before."""
    sql.execute("begin_clocks", steps=steps, anew=anew)
