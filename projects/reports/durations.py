"""Lengths of time and moments in words."""

from __future__ import annotations

from datetime import UTC, datetime


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


def moment(at: datetime | None) -> str:
    """A moment to the second, in UTC; nothing for None."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
