"""The four limits of time of a step, as Temporal names them: which is passed, and until when an attempt may run.

*Schedule to start*: how long an attempt may wait for a worker. *Start to close*: how long one attempt may run.
*Heartbeat*: how long a running attempt may be silent. *Schedule to close*: how long the step may take with all its
attempts and waits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class TimeLimit(StrEnum):
    """A limit, and what passing it means for another attempt."""

    SCHEDULE_TO_CLOSE = "schedule_to_close"
    SCHEDULE_TO_START = "schedule_to_start"
    START_TO_CLOSE = "start_to_close"
    HEARTBEAT = "heartbeat"

    @property
    def retryable(self) -> bool:
        """Whether another attempt may be made: one that could not start, was slow or fell silent may do better."""
        return self is not TimeLimit.SCHEDULE_TO_CLOSE


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """In seconds; None for none."""

    schedule_to_start: float | None = None
    start_to_close: float | None = None
    heartbeat: float | None = None
    schedule_to_close: float | None = None


@dataclass(frozen=True, slots=True)
class Moments:
    """In seconds of one clock: when the step was ready for its ``first`` attempt, when this attempt was ``scheduled``,
    ``started`` and last ``heard`` of, None where it was not yet."""

    first: float
    scheduled: float
    started: float | None = None
    heard: float | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """The limit that was passed first, and the moment at which it was."""

    limit: TimeLimit
    at: float


def passed(limits: TimeLimits, moments: Moments, now: float) -> Passed | None:
    """The limit that ended the attempt, None while none has: a limit is passed at its moment, not after it."""
    first = min(_ends(limits, moments), key=lambda end: end.at, default=None)
    return first if first is not None and first.at <= now else None


def deadline(limits: TimeLimits, moments: Moments) -> Passed | None:
    """Until when an attempt that is running may go on if it is never silent: the limit that will end it, and when."""
    whole = (end for end in _ends(limits, moments) if end.limit is not TimeLimit.HEARTBEAT)
    return min(whole, key=lambda end: end.at, default=None)


def time_left(limits: TimeLimits, moments: Moments, now: float) -> float | None:
    """Seconds that the attempt may still take, 0 where it may take none; None for any."""
    end = deadline(limits, moments)
    return None if end is None else max(0.0, end.at - now)


def room_for_retry(limits: TimeLimits, moments: Moments, now: float, delay: float) -> bool:
    """Whether another attempt after ``delay`` seconds would begin before the step's time is over."""
    return limits.schedule_to_close is None or now + delay < moments.first + limits.schedule_to_close


def _ends(limits: TimeLimits, moments: Moments) -> Iterator[Passed]:
    if limits.schedule_to_close is not None:
        yield Passed(TimeLimit.SCHEDULE_TO_CLOSE, moments.first + limits.schedule_to_close)
    if moments.started is None:
        if limits.schedule_to_start is not None:
            yield Passed(TimeLimit.SCHEDULE_TO_START, moments.scheduled + limits.schedule_to_start)
        return
    if limits.start_to_close is not None:
        yield Passed(TimeLimit.START_TO_CLOSE, moments.started + limits.start_to_close)
    if limits.heartbeat is not None:
        yield Passed(TimeLimit.HEARTBEAT, max(moments.started, moments.heard or 0.0) + limits.heartbeat)
