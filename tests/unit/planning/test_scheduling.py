"""The slots of a schedule: by the clock on the wall, through its changes, and what is made up for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from celery.schedules import crontab as celery_crontab
from django_celery_beat.models import CrontabSchedule
from hypothesis import example, given, settings
from hypothesis import strategies as st

from projects.planning.scheduling import Due, due, latest
from projects.services.crontabs import FIELDS, following

BERLIN, NEW_YORK, LORD_HOWE, KOLKATA = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"


def slots_of(text: str, zone: str = "UTC") -> Callable[[datetime], datetime]:
    fields = dict(zip(FIELDS, text.split(), strict=True))
    return following(CrontabSchedule(**fields, timezone=ZoneInfo(zone)))


def slots(text: str, zone: str, after: str, count: int) -> list[str]:
    """The next slots after a local time, as the clock on the wall shows them, with the offset from UTC."""
    found, moment, step = (
        [],
        datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC),
        slots_of(text, zone),
    )
    for _ in range(count):
        moment = step(moment)
        assert moment.tzinfo is UTC
        found.append(moment.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M%z"))
    return found


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("*/20 * * * *", "2026-11-21 10:05", ["11-21 10:20+0000", "11-21 10:40+0000", "11-21 11:00+0000"]),
        ("0 9 * * 1-5", "2026-11-20 09:00", ["11-23 09:00+0000", "11-24 09:00+0000"]),
        ("30 6 1 * *", "2026-11-21 00:00", ["12-01 06:30+0000", "01-01 06:30+0000"]),
        ("0 0 31 * *", "2026-01-31 00:00", ["03-31 00:00+0000", "05-31 00:00+0000"]),
        ("0 0 29 2 *", "2026-01-01 00:00", ["02-29 00:00+0000", "02-29 00:00+0000"]),
        ("0 0 13 * 5", "2026-01-01 00:00", ["02-13 00:00+0000", "03-13 00:00+0000"]),  # both: Friday the 13th
        ("0 12 * * sun", "2026-11-21 00:00", ["11-22 12:00+0000", "11-29 12:00+0000"]),
    ],
)
def test_a_crontab_names_moments(text: str, after: str, expected: list[str]) -> None:
    assert slots(text, "UTC", after, len(expected)) == expected


@pytest.mark.parametrize(
    ("text", "zone", "after", "expected"),
    [
        # Put forward in Berlin on 29 March 2026: after 01:59 comes 03:00.
        ("30 2 * * *", BERLIN, "2026-03-28 12:00", ["03-29 03:00+0200", "03-30 02:30+0200"]),
        ("0,30 2 * * *", BERLIN, "2026-03-29 01:00", ["03-29 03:00+0200", "03-30 02:00+0200"]),
        ("0 2,3 * * *", BERLIN, "2026-03-29 01:00", ["03-29 03:00+0200", "03-30 02:00+0200"]),
        ("30 1 * * *", BERLIN, "2026-03-28 12:00", ["03-29 01:30+0100", "03-30 01:30+0200"]),
        ("30 3 * * *", BERLIN, "2026-03-28 12:00", ["03-29 03:30+0200", "03-30 03:30+0200"]),
        ("30 * * * *", BERLIN, "2026-03-29 01:00", ["03-29 01:30+0100", "03-29 03:30+0200", "03-29 04:30+0200"]),
        ("*/30 * * * *", BERLIN, "2026-03-29 01:10", ["03-29 01:30+0100", "03-29 03:00+0200", "03-29 03:30+0200"]),
        # Put back in Berlin on 25 October 2026: after 02:59 comes 02:00 again.
        ("30 2 * * *", BERLIN, "2026-10-24 12:00", ["10-25 02:30+0200", "10-26 02:30+0100"]),
        ("0 3 * * *", BERLIN, "2026-10-24 12:00", ["10-25 03:00+0100", "10-26 03:00+0100"]),
        ("0,30 2 * * *", BERLIN, "2026-10-25 01:59", ["10-25 02:00+0200", "10-25 02:30+0200", "10-26 02:00+0100"]),
        (
            "30 * * * *",
            BERLIN,
            "2026-10-25 01:00",
            ["10-25 01:30+0200", "10-25 02:30+0200", "10-25 02:30+0100", "10-25 03:30+0100"],
        ),
        # Elsewhere, another night; by half an hour; never.
        ("15 2 * * *", NEW_YORK, "2026-03-07 12:00", ["03-08 03:00-0400", "03-09 02:15-0400"]),
        ("15 1 * * *", NEW_YORK, "2026-10-31 12:00", ["11-01 01:15-0400", "11-02 01:15-0500"]),
        ("15 2 * * *", LORD_HOWE, "2026-10-03 12:00", ["10-04 02:30+1100", "10-05 02:15+1100"]),
        ("45 1 * * *", LORD_HOWE, "2026-04-04 12:00", ["04-05 01:45+1100", "04-06 01:45+1030"]),
        ("0 9 * * *", KOLKATA, "2026-03-29 12:00", ["03-30 09:00+0530", "03-31 09:00+0530"]),
    ],
)
def test_through_the_changes_of_the_clock(text: str, zone: str, after: str, expected: list[str]) -> None:
    assert slots(text, zone, after, len(expected)) == expected


def test_seen_from_within_the_repeated_hour_what_has_run_does_not_run_again() -> None:
    second_pass = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10 in Berlin, for the second time

    assert slots_of("30 2 * * *", BERLIN)(second_pass).astimezone(ZoneInfo(BERLIN)).day == 26
    assert slots_of("30 * * * *", BERLIN)(second_pass) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, LORD_HOWE])
@pytest.mark.parametrize("text", ["*/15 * * * *", "7 * * * *"])
def test_what_runs_in_every_hour_never_pauses_and_never_doubles_in_a_year(text: str, zone: str) -> None:
    step, moment = slots_of(text, zone), datetime(2026, 1, 1, tzinfo=UTC)
    gaps = set()
    while moment < datetime(2027, 1, 1, tzinfo=UTC):
        after = step(moment)
        gaps.add(after - moment)
        moment = after
    # Where the clock is changed by half an hour, so is the minute.
    assert max(gaps) <= (timedelta(minutes=90) if text[0] == "7" else timedelta(minutes=15))
    assert min(gaps) > timedelta(0)


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, LORD_HOWE, KOLKATA])
@pytest.mark.parametrize("text", ["30 2 * * *", "0 0 * * *", "59 1 * * *", "15 2 * * *"])
def test_what_runs_daily_runs_once_on_each_day_of_a_year(text: str, zone: str) -> None:
    step, moment = (
        slots_of(text, zone),
        datetime(2026, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC) - timedelta(seconds=1),
    )
    days = []
    while (moment := step(moment)) < datetime(2027, 1, 1, tzinfo=ZoneInfo(zone)):
        days.append(moment.astimezone(ZoneInfo(zone)).date())
    assert len(days) == len(set(days)) == 365


FIELD = {
    "minute": st.sampled_from(["*", "0", "*/7", "3,30", "10-20", "59"]),
    "hour": st.sampled_from(["*", "0", "*/6", "2", "2,3", "9-17", "23"]),
    "day_of_month": st.sampled_from(["*", "1", "15,31", "28-31", "*/10", "29"]),
    "month_of_year": st.sampled_from(["*", "2", "1,6", "*/3", "10"]),
    "day_of_week": st.sampled_from(["*", "0", "1-5", "6,0", "3"]),
}


@settings(max_examples=300, deadline=None)
@given(fields=st.fixed_dictionaries(FIELD), minutes=st.integers(0, 2 * 365 * 24 * 60))
@example(fields=dict(zip(FIELDS, ["0", "0", "29", "2", "*"], strict=True)), minutes=0)
def test_no_slot_is_left_out_and_none_is_made_up(fields: dict[str, str], minutes: int) -> None:
    """Held against the plainest reading of the fields: minute by minute, every one of them must name it."""
    after = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    slot = slots_of(" ".join(fields[name] for name in FIELDS))(after)
    sets = celery_crontab(**fields)

    def named(moment: datetime) -> bool:
        return (
            moment.minute in sets.minute
            and moment.hour in sets.hour
            and moment.day in sets.day_of_month
            and moment.month in sets.month_of_year
            and moment.isoweekday() % 7 in sets.day_of_week
        )

    assert named(slot)
    assert slot > after
    days = (after + timedelta(days=n) for n in range((slot.date() - after.date()).days + 1))
    hours = (day.replace(hour=hour) for day in days if _names_day(sets, day) for hour in sorted(sets.hour))
    between = (hour.replace(minute=minute) for hour in hours for minute in sorted(sets.minute))
    assert not [moment for moment in between if after < moment < slot]


def _names_day(sets: celery_crontab, day: datetime) -> bool:
    return day.day in sets.day_of_month and day.month in sets.month_of_year and day.isoweekday() % 7 in sets.day_of_week


# --- making up --------------------------------------------------------------------------------------------------------


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-21T{text}:00+00:00")


@pytest.mark.parametrize(
    ("catch_up", "now", "fire", "next_at"),
    [
        # in time
        ("skip", "10:00", ["10:00"], "10:10"),
        ("latest", "10:00", ["10:00"], "10:10"),
        ("all", "10:00", ["10:00"], "10:10"),
        ("skip", "10:01", ["10:00"], "10:10"),
        # not yet
        ("all", "09:59", [], "10:00"),
        # late
        ("skip", "10:05", [], "10:10"),
        ("latest", "10:05", ["10:00"], "10:10"),
        ("skip", "10:35", [], "10:40"),
        ("latest", "10:35", ["10:30"], "10:40"),
        ("all", "10:35", ["10:00", "10:10", "10:20", "10:30"], "10:40"),
        # late, and the next has just come
        ("skip", "10:30", ["10:30"], "10:40"),
        # more than at a time
        ("all", "12:00", ["10:00", "10:10", "10:20", "10:30", "10:40"], "10:50"),
    ],
)
def test_what_is_made_up_for(catch_up: str, now: str, fire: list[str], next_at: str) -> None:
    found = due(at("10:00"), at(now), slots_of("*/10 * * * *"), catch_up=catch_up, most=5)

    assert found == Due(tuple(map(at, fire)), at(next_at))


def test_the_latest_of_a_year_of_minutes_is_found_at_once() -> None:
    calls = 0
    step = slots_of("* * * * *")

    def counted(moment: datetime) -> datetime:
        nonlocal calls
        calls += 1
        return step(moment)

    assert latest(at("10:00") - timedelta(days=365), at("10:00"), counted) == at("10:00")
    assert calls < 100


@settings(deadline=None)
@given(text=st.sampled_from(["*/7 * * * *", "0 3 * * *", "0 0 1 * *", "30 2 * * 0"]), hours=st.integers(0, 3000))
def test_the_latest_is_the_last_of_all(text: str, hours: int) -> None:
    step = slots_of(text, BERLIN)
    first = step(at("10:00"))
    now = first + timedelta(hours=hours)
    every = due(first, now, step, catch_up="all", most=1_000_000)

    assert latest(first, now, step) == every.fire[-1]
