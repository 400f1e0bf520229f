"""Durations as people write them: ``500ms``, ``90s``, ``5m``, ``24h``, ``7d``, ``1h30m``, or a number of seconds."""

from __future__ import annotations

import math
import re
from typing import Any

LONGEST = 10 * 366 * 86_400.0  # ten years: beyond it a timer is a mistake, not a plan
HOW_TO = "Write a number with a unit, such as 500ms, 90s, 5m, 24h, 7d or 1h30m; a plain number means seconds."

PATTERN = r"^([0-9]{1,12}(\.[0-9]{1,6})?(ms|d|h|m|s)?)+$"  # for editors: what parse_duration refuses beyond it is rare
_UNITS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|d|h|m|s)")


def parse_duration(value: Any) -> float:
    """Seconds. Raises ``ValueError``, saying what is wrong, for all that is no duration of 0 s to ten years."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("a duration is text such as 90s, or a number of seconds")
    seconds = _seconds(value.strip()) if isinstance(value, str) else _number(value)
    if not 0 <= seconds <= LONGEST:
        raise ValueError(f"the duration {value} is outside 0 s to ten years")
    return seconds


def duration_or_template(value: Any) -> float | str:
    """Seconds, more than none; or the text as it is, where it is a template that gives a duration later.

    Raises ``ValueError`` as ``parse_duration``.
    """
    if isinstance(value, str) and "${" in value:
        return value
    seconds = parse_duration(value)
    if not seconds:
        raise ValueError(f"the duration {value} is no time at all")
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest writing that ``parse_duration`` reads back to the same milliseconds: ``5400`` gives ``1h30m``."""
    rest = round(seconds * 1000)
    words = []
    for unit, size in _UNITS.items():
        count, rest = divmod(rest, round(size * 1000))
        if count:
            words.append(f"{count}{unit}")
    return "".join(words) or "0s"


def _number(value: int | float) -> float:
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds):
        raise ValueError(f"the duration {value} is outside 0 s to ten years")
    return seconds


def _seconds(text: str) -> float:
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", text):
        return float(text)
    total, position, smallest = 0.0, 0, math.inf
    while match := _PART.match(text, position):
        size = _UNITS[match[2]]
        if size >= smallest:
            raise ValueError(f"{text!r} is no duration: its units go from the largest to the smallest, each once")
        total, position, smallest = total + float(match[1]) * size, match.end(), size
    if position == 0 or position != len(text):
        raise ValueError(f"{text[:40]!r} is no duration")
    return total
