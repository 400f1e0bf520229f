"""At which moments to look, so that many timers are met by few messages."""

from __future__ import annotations

import math
from collections.abc import Iterable

FINEST = 0.005
"""Seconds: as exact as a message with a countdown is anyway."""


def moments(delays: Iterable[float], *, most: int) -> tuple[float, ...]:
    """When to look, in seconds from now: after each delay, and never before it, at ``most`` times in all.

    Delays that are close together share a moment, the last of theirs. Where there are too many, what counts as close
    is doubled until they fit: ten thousand timers within two seconds are met within a tenth of one.
    """
    ordered = sorted(delays)
    if not ordered:
        return ()
    if most < 1:
        raise ValueError(f"at least one moment is needed, not {most}")
    width = FINEST
    while len(found := _grouped(ordered, width)) > most:
        width *= 2
    return found


def _grouped(ordered: list[float], width: float) -> tuple[float, ...]:
    """The last delay of each slot of the given width."""
    last: dict[int, float] = {}
    for delay in ordered:
        last[math.floor(delay / width)] = delay
    return tuple(last.values())
