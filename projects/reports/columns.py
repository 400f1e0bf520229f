"""Columns of plain text: how wide each may be, and cells wrapped beside one another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from projects.reports.visible import width

WIDTH = 100
"""Columns of a page of text."""

GAP = 2
_NARROW = 14  # what no column is squeezed below, unless it needs less
_LONG_WORD = 24  # a column is not squeezed below its longest word, up to this


def widths_of(rows: Sequence[Sequence[str]], page: int = WIDTH) -> tuple[int, ...] | None:
    """The width of each column so that all fit the page; None where that would squeeze them too far.

    Columns that need little get what they need, and those that need much share what is left evenly.
    """
    needs = [max(width(text) for text in column) for column in zip(*rows, strict=True)]
    least = [
        min(need, max(_NARROW, _longest_word(column)))
        for need, column in zip(needs, zip(*rows, strict=True), strict=True)
    ]
    room = page - GAP * (len(needs) - 1)
    if sum(least) > room:
        return None
    return _shared(needs, least, room)


def _shared(needs: Sequence[int], least: Sequence[int], room: int) -> tuple[int, ...]:
    widths = list(least)
    spare = room - sum(widths)
    while spare > 0 and (hungry := [place for place, need in enumerate(needs) if widths[place] < need]):
        place = min(hungry, key=lambda each: (widths[each] / needs[each], each))
        widths[place] += 1
        spare -= 1
    return tuple(widths)


def _longest_word(column: Sequence[str]) -> int:
    return min(_LONG_WORD, max((width(word) for text in column for word in text.split()), default=0))


def row_lines(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool] = ()) -> list[str]:
    """The lines of one row, each cell wrapped within its width; ``right`` says which are aligned right."""
    sides = [*right, *[False] * (len(cells) - len(right))]
    columns = [wrapped(text, max(1, wide)) for text, wide in zip(cells, widths, strict=True)]
    lines = []
    for parts in zip_longest(*columns, fillvalue=""):
        padded = [pad(part, wide, right=side) for part, wide, side in zip(parts, widths, sides, strict=True)]
        lines.append((" " * GAP).join(padded).rstrip())
    return lines


def pad(text: str, wide: int, *, right: bool = False) -> str:
    """The text with spaces up to a width."""
    spaces = " " * max(0, wide - width(text))
    return spaces + text if right else text + spaces


def wrapped(text: str, wide: int) -> list[str]:
    """The text in lines of at most ``wide`` columns, broken at spaces where possible; at least one line."""
    lines, line = [], ""
    for word in text.split():
        for piece in _pieces(word, wide):
            if line and width(line) + 1 + width(piece) > wide:
                lines.append(line)
                line = piece
            else:
                line = f"{line} {piece}" if line else piece
    return [*lines, line]


def _pieces(word: str, wide: int) -> list[str]:
    """A word too long for a line, in pieces that fit."""
    if width(word) <= wide:
        return [word]
    pieces, piece, taken = [], "", 0
    for character in word:
        size = width(character)
        if piece and taken + size > wide:
            pieces.append(piece)
            piece, taken = "", 0
        piece += character
        taken += size
    return [*pieces, piece]
