"""The four limits of time.

ready ──── waits ────▶ started ──── runs, heard of now and then ────▶ end
│←schedule to start→│  │←──────────── start to close ────────────→│
│←──────────────── schedule to close, all attempts ───────────────→│
"""

from __future__ import annotations

import pytest

from agents.resilience.timeouts import (
    Moments,
    Passed,
    TimeLimit,
    TimeLimits,
    deadline,
    passed,
    room_for_retry,
    time_left,
)

ALL = TimeLimits(schedule_to_start=10.0, start_to_close=30.0, heartbeat=5.0, schedule_to_close=100.0)
WAITING = Moments(first=0.0, scheduled=0.0)
RUNNING = Moments(first=0.0, scheduled=0.0, started=4.0, heard=20.0)


@pytest.mark.parametrize(
    ("moments", "now", "expected"),
    [
        (WAITING, 9.9, None),
        (WAITING, 10.0, Passed(TimeLimit.SCHEDULE_TO_START, 10.0)),
        (RUNNING, 24.9, None),
        (RUNNING, 25.0, Passed(TimeLimit.HEARTBEAT, 25.0)),
        (Moments(0.0, 0.0, 4.0), 9.0, Passed(TimeLimit.HEARTBEAT, 9.0)),
        (Moments(0.0, 0.0, 4.0, 33.0), 34.0, Passed(TimeLimit.START_TO_CLOSE, 34.0)),
        (Moments(0.0, 0.0, 4.0, 33.0), 99.0, Passed(TimeLimit.START_TO_CLOSE, 34.0)),
        (Moments(0.0, 95.0), 100.0, Passed(TimeLimit.SCHEDULE_TO_CLOSE, 100.0)),
        (Moments(0.0, 80.0, 81.0, 98.0), 101.0, Passed(TimeLimit.SCHEDULE_TO_CLOSE, 100.0)),
    ],
)
def test_the_limit_that_was_passed_first_is_the_one_that_is_named(
    moments: Moments, now: float, expected: Passed | None
) -> None:
    assert passed(ALL, moments, now) == expected


def test_without_limits_nothing_is_ever_passed() -> None:
    assert passed(TimeLimits(), RUNNING, 1e12) is None
    assert deadline(TimeLimits(), RUNNING) is None
    assert time_left(TimeLimits(), RUNNING, 1e12) is None


def test_a_late_attempt_has_only_what_is_left_of_the_step() -> None:
    late = Moments(first=0.0, scheduled=85.0, started=90.0)

    assert deadline(ALL, late) == Passed(TimeLimit.SCHEDULE_TO_CLOSE, 100.0)
    assert time_left(ALL, late, 92.0) == 8.0
    assert time_left(ALL, late, 300.0) == 0.0


def test_no_attempt_is_planned_for_when_the_step_is_over() -> None:
    assert room_for_retry(ALL, RUNNING, 50.0, 49.0)
    assert not room_for_retry(ALL, RUNNING, 50.0, 50.0)
    assert room_for_retry(TimeLimits(), RUNNING, 50.0, 1e9)


def test_only_the_end_of_the_whole_step_forbids_another_attempt() -> None:
    assert [limit for limit in TimeLimit if not limit.retryable] == [TimeLimit.SCHEDULE_TO_CLOSE]
