"""Lengths of time and moments in words."""

from __future__ import annotations

from datetime import UTC, datetime
from math import ceil, floor


def in_words(seconds: float | None) -> str:
    """``4.2 s``, ``3 min 5 s``, ``2 h 7 min``, ``3 d 4 h``; ``unknown`` for None."""
    if seconds is None:
        return "unknown"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"


def left_in_words(low: float | None, middle: float | None, high: float | None) -> str:
    """``3 to 7 min left``, ``about 2 h left`` where both ends come to the same; nothing where there is nothing to say.

    In the unit of the middle, rounded outward: a range that is narrower than it is known would be none.
    """
    if not middle:
        return ""
    lowest, highest = (middle if low is None else low), (middle if high is None else high)
    name, size = next(((name, size) for name, size in _UNITS if middle >= 1.5 * size), ("s", 1))
    first, last = floor(lowest / size), ceil(highest / size)
    if first == last:
        return f"about {last} {name} left"
    return f"{first} to {last} {name} left" if first else f"up to {last} {name} left"


_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


def moment(at: datetime | None) -> str:
    """A moment to the second, in UTC; nothing for None."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
