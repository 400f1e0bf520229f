"""The slots of a schedule: which comes next by the clock on the wall, and which of those that passed are made up for.

A slot is a moment in UTC, at a whole minute. Clocks that are put forward or back are handled as cron does it (Vixie
cron, "Daylight saving time" in cron(8)): what is to run at an hour that does not exist runs once, as soon as the clock
has been put forward; what is to run at an hour that comes twice runs at the first of the two; what runs in every hour
goes by the time that passes, and knows of neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

NextWall = Callable[[datetime], datetime]
"""The next moment after one that a crontab names, both by the clock on the wall and without a zone."""
Following = Callable[[datetime], datetime]
"""The slot that follows a moment, both in UTC."""

MINUTE = timedelta(minutes=1)
FRESH = timedelta(minutes=1)
"""A slot that is seen as late as this was not missed: somebody looked, only not at its very second."""
_LOOK_BACK = timedelta(hours=4)
"""Longer than any clock is put back."""


@dataclass(frozen=True, slots=True)
class Due:
    """The slots to start projects for now, and the first that is left for later."""

    fire: tuple[datetime, ...]
    next_at: datetime


def due(next_at: datetime, now: datetime, following: Following, *, catch_up: str, most: int) -> Due:
    """What to do about a schedule whose ``next_at`` has come.

    ``skip`` makes up for nothing: it starts a slot only if that has just come. ``latest`` starts the latest that has
    passed, ``all`` every one, ``most`` at a time.
    """
    if next_at > now:
        return Due((), next_at)
    if catch_up == "all":
        return _every(next_at, now, following, most)
    slot = latest(next_at, now, following)
    fire = (slot,) if catch_up == "latest" or now - slot <= FRESH else ()
    return Due(fire, following(slot))


def latest(first: datetime, now: datetime, following: Following) -> datetime:
    """The last slot that has come, ``first`` being one of them.

    Looked for from ever earlier moments on, so that a year of minutes does not cost a year of slots.
    """
    span = timedelta(hours=1)
    while now - span > first:
        slot = following(now - span)
        if slot <= now:
            return _last_from(slot, now, following)
        span *= 4
    return _last_from(first, now, following)


def following(after: datetime, next_wall: NextWall, zone: tzinfo, *, every_hour: bool) -> datetime:
    """The slot that follows a moment. ``every_hour`` says that the crontab leaves no hour out.

    It looks within the time up to which the clock is not changed, and begins anew behind each change.
    """
    here = after
    offset = _offset(here, zone)
    seen = _past_the_repeated_hour(here, zone) if not every_hour else _wall(here, offset)
    while True:
        wall = next_wall(seen)
        slot = _moment(wall, offset)
        change = _change(here, slot, zone)
        if change is None:
            return slot
        before, behind = _wall(change, offset), _wall(change, _offset(change, zone))
        if behind > before:
            # Put forward: the clock shows nothing from ``before`` up to ``behind``.
            if wall < behind and not every_hour:
                return change
            seen = behind - MINUTE
        else:
            # Put back: it shows all from ``behind`` up to ``before`` once more.
            seen = (behind if every_hour else before) - MINUTE
        here, offset = change, _offset(change, zone)


def _every(next_at: datetime, now: datetime, following: Following, most: int) -> Due:
    fire: list[datetime] = []
    slot = next_at
    while slot <= now and len(fire) < most:
        fire.append(slot)
        slot = following(slot)
    return Due(tuple(fire), slot)


def _last_from(slot: datetime, now: datetime, following: Following) -> datetime:
    while (after := following(slot)) <= now:
        slot = after
    return slot


def _past_the_repeated_hour(here: datetime, zone: tzinfo) -> datetime:
    """The wall time to look on from: within an hour that the clock shows the second time, its end."""
    wall = _wall(here, _offset(here, zone))
    change = _change(here - _LOOK_BACK, here, zone)
    if change is None:
        return wall
    shown_before = _wall(change, _offset(change - timedelta(seconds=1), zone))
    return max(wall, shown_before - MINUTE)


def _change(after: datetime, until: datetime, zone: tzinfo) -> datetime | None:
    """The first moment after ``after``, and no later than ``until``, from which the clock is another; None: none."""
    low = after
    while low < until:
        high = min(low + timedelta(hours=12), until)
        if _offset(high, zone) != _offset(low, zone):
            return _narrowed(low, high, zone)
        low = high
    return None


def _narrowed(low: datetime, high: datetime, zone: tzinfo) -> datetime:
    """The second at which the offset changes between the two."""
    before = _offset(low, zone)
    low, high = low.replace(microsecond=0), high.replace(microsecond=0)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
    return high


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def _wall(moment: datetime, offset: timedelta) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None) + offset


def _moment(wall: datetime, offset: timedelta) -> datetime:
    return (wall - offset).replace(tzinfo=UTC)
