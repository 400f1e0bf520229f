"""Two JSON values laid line against line, for people to see in what they differ. Pure."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import Any

AROUND = 2  # lines shown before and after each difference
MOST_LINES = 400
LONGEST = 2000  # letters of a line
TOO_LONG_TO_COMPARE = 20_000  # lines; beyond that it would take seconds


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line: ``sign`` is ``-`` of the first value, ``+`` of the second, a blank of both, ``@`` where some are cut."""

    sign: str
    text: str


def line_difference(before: Any, after: Any) -> tuple[DiffLine, ...]:
    """In what two values differ, as text of many lines; empty where they are the same."""
    one, other = _lines(before), _lines(after)
    if one == other:
        return ()
    if len(one) + len(other) > TOO_LONG_TO_COMPARE:
        return (DiffLine("@", f"too long to be compared: {len(one)} lines, and {len(other)} lines"),)
    rows = list(difflib.unified_diff(one, other, n=AROUND, lineterm=""))[2:]
    lines = [DiffLine("@", "") if row.startswith("@@") else DiffLine(row[0], row[1 : LONGEST + 1]) for row in rows]
    if len(lines) > MOST_LINES:
        return (*lines[:MOST_LINES], DiffLine("@", f"{len(lines) - MOST_LINES} more lines"))
    return tuple(lines)


def _lines(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return value.splitlines() or [""]
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, default=str).splitlines()
