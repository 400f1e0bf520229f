"""Cells of reports as text, and how wide text is in a terminal."""

from __future__ import annotations

import unicodedata

from agents.reporting import Cell
from orchestrator_site.showing.visible import one_line


def cell(value: Cell | None) -> str:
    """A cell as text: whole numbers as they are, others rounded to four digits."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 10_000 else f"{value:.0f}"
    return one_line(str(value))


def width(text: str) -> int:
    """How many columns of a terminal a text takes: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_width_of(character) for character in text)


def _width_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
