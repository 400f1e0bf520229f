"""Columns of plain text: how wide each may be, and cells wrapped beside one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from projects.reports.visible import width

WIDTH = 100
"""Columns of a page of text."""

GAP = 2
_NARROW = 14  # what no column is squeezed below, unless it needs less
_LONG_WORD = 24  # a column is not squeezed below its longest word, up to this
_PROSE = 48  # from this need on a column holds sentences, and sentences are not read in less than …
_READABLE = 30
_SHORT = 60  # values up to this length share a line of a record


def widths_of(rows: Sequence[Sequence[str]], page: int = WIDTH) -> tuple[int, ...] | None:
    """The width of each column so that all fit the page; None where they would be too narrow.

    Columns that need little get what they need, and those that need much share what is left in proportion.
    """
    columns = list(zip(*rows, strict=True))
    needs = [max(width(text) for text in column) for column in columns]
    least = [min(need, max(_NARROW, _longest_word(column))) for need, column in zip(needs, columns, strict=True)]
    room = page - GAP * (len(needs) - 1)
    if sum(least) > room:
        return None
    widths = _shared(needs, least, room)
    squeezed = any(need >= _PROSE and wide < _READABLE for need, wide in zip(needs, widths, strict=True))
    return None if squeezed else widths


def records(heads: Sequence[str], rows: Sequence[Sequence[str]], page: int = WIDTH) -> list[str]:
    """For tables too wide for columns: the other cells beside the first, or below it where it is long."""
    first = max((width(row[0]) for row in rows), default=0)
    below = first > page // 4
    indent = GAP if below else first + GAP
    long = _long_columns(heads, rows)
    lines: list[str] = []
    for row in rows:
        names = wrapped(row[0], page if below else first)
        texts = [line for text in _fields(heads, row, long) for line in wrapped(text, page - indent)]
        if below:
            lines += names
            names = []
        for name, text in zip_longest(names, texts, fillvalue=""):
            lines.append(f"{pad(name, indent)}{text}".rstrip())
    return lines


def _long_columns(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[int, str]:
    """The places of columns with long cells, each with its label: none for the first of sentences."""
    places = [place for place in range(1, len(heads)) if max(width(row[place]) for row in rows) > _SHORT]
    prose = next((place for place in places if any(" " in row[place] for row in rows)), None)
    return {place: "" if place == prose else f"{heads[place]}: " for place in places}


def _fields(heads: Sequence[str], row: Sequence[str], long: Mapping[int, str]) -> list[str]:
    """The cells but the first: each of a long column by itself, the others by name, one after another."""
    own = [f"{label}{row[place]}" for place, label in long.items() if row[place]]
    short = [place for place in range(1, len(heads)) if place not in long and row[place]]
    named = "; ".join(f"{heads[place]}: {row[place]}" for place in short)
    return [*own, named] if named else own


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
