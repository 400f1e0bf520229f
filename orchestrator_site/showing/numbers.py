"""Numbers of things, in words that agree with them."""

from __future__ import annotations


def counted(number: int, one: str, several: str = "") -> str:
    """So many of something: ``1 step``, ``2 steps``; ``several`` where that is not the one with an s."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"
