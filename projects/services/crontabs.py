"""Crontabs as people write them: read by Celery, kept as rows of django-celery-beat, each with its time zone."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from celery.schedules import ParseException
from django_celery_beat.models import CrontabSchedule
from django_celery_beat.tzcrontab import TzAwareCrontab

from projects.blueprints.suggestions import did_you_mean
from projects.errors import ScheduleInvalid
from projects.planning import scheduling

FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
_HOURS = set(range(24))


def read(text: str, zone: str) -> CrontabSchedule:
    """The row of ``minute hour day-of-month month day-of-week`` in a zone, not saved where there is none yet.

    Raises ``ScheduleInvalid``, also for a crontab that names no moment, such as the 30th of February.
    """
    parts = text.split()
    if len(parts) != len(FIELDS):
        raise ScheduleInvalid(
            f'{text!r} is no crontab: give five fields, such as "*/5 * * * *": minute, hour, day of the month, month, '
            "day of the week."
        )
    if zone not in available_timezones():
        hint = did_you_mean(zone, available_timezones(), known_as="Such as") if zone else ""
        raise ScheduleInvalid(f"There is no time zone {zone!r}. {hint}".strip())
    said = dict(zip(FIELDS, parts, strict=True))
    for name, value in said.items():
        if len(value) > (CrontabSchedule._meta.get_field(name).max_length or 0):
            raise ScheduleInvalid(f"The field {name} of the crontab is too long.")
    found = CrontabSchedule.objects.filter(**said, timezone=zone).first()
    crontab = found or CrontabSchedule(**said, timezone=ZoneInfo(zone))
    try:
        following(crontab)(datetime(2026, 1, 1, tzinfo=UTC))
    except (ValueError, ParseException) as error:
        raise ScheduleInvalid(f"{text!r} is no crontab: {error}.") from None
    except RuntimeError:
        raise ScheduleInvalid(f"{text!r} names no moment that ever comes.") from None
    return crontab


def written(crontab: CrontabSchedule) -> str:
    """The five fields, as they are written."""
    return " ".join(str(getattr(crontab, name)) for name in FIELDS)


def following(crontab: CrontabSchedule) -> scheduling.Following:
    """What gives the slot after a moment, by the clock of the crontab's zone."""
    # In UTC: which moments it names by the wall is Celery's to say, and what the wall shows when is ours.
    clock = TzAwareCrontab(**{name: getattr(crontab, name) for name in FIELDS}, tz=UTC)
    return functools.partial(
        scheduling.following,
        next_wall=_next_wall(clock),
        zone=crontab.timezone,
        every_hour=set(clock.hour) == _HOURS,
    )


def _next_wall(clock: Any) -> Callable[[datetime], datetime]:
    def following_wall(wall: datetime) -> datetime:
        last, delta, _ = clock.remaining_delta(wall.replace(tzinfo=UTC), tz=UTC)
        found: datetime = last + delta
        return found.replace(tzinfo=None)

    return following_wall
