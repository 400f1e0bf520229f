"""Tables that a page lays out in columns, rewritten a row a line with tabs between the cells.

In a laid-out page the lines of a cell are interleaved with those of its neighbours; rewritten, a cell is one slice of
the text and can be cited.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .hyphens import Dehyphenation

_GAP = re.compile(r"(?<=\S) {3,}(?=\S)")
_LEADER = re.compile(r"\.{4,}|(?: \.){4,}")
_FEWEST_ROWS = 2

Row = list[list[str]]
"""The cells of a row, each with its lines."""


def tables_as_rows(page: str) -> str:
    """``page`` with its aligned tables rewritten."""
    words = Dehyphenation(page)
    shown: list[str] = []
    for group in _groups(page.split("\n")):
        columns = _columns(group)
        shown.extend(_rewritten(group, columns, words) if columns else group)
    return "\n".join(shown)


def _groups(lines: Sequence[str]) -> Iterator[list[str]]:
    """Runs of lines, blank lines being runs of their own."""
    group: list[str] = []
    for line in lines:
        if line.strip():
            group.append(line)
            continue
        if group:
            yield group
            group = []
        yield [line]
    if group:
        yield group


def _columns(group: Sequence[str]) -> list[int]:
    """Where the columns of a table begin, or nothing if the lines are no table of at least two columns."""
    gapped = [line for line in group if _GAP.search(line) and not _LEADER.search(line)]
    if len(gapped) < _FEWEST_ROWS or len(gapped) * 2 < len(group):
        return []
    width = max(len(line) for line in group)
    filled = [False] * width
    for line in group:
        for place, character in enumerate(line):
            if character != " ":
                filled[place] = True
    starts = [
        place
        for place in range(width)
        if filled[place] and (place == 0 or not filled[place - 1]) and (place < 2 or not filled[place - 2])
    ]
    return starts if len(starts) >= 2 and _is_consistent(gapped, starts) else []


def _is_consistent(lines: Sequence[str], starts: Sequence[int]) -> bool:
    """Whether most lines with gaps fill two columns or more."""
    filling = sum(1 for line in lines if len([cell for cell in _cut(line, starts) if cell]) >= 2)
    return filling * 4 >= len(lines) * 3


def _cut(line: str, starts: Sequence[int]) -> list[str]:
    ends = [*starts[1:], len(line)]
    return [line[start:end].strip() for start, end in zip(starts, ends, strict=True)]


def _rewritten(group: Sequence[str], columns: Sequence[int], words: Dehyphenation) -> Iterator[str]:
    row: Row = []
    for line in group:
        cells = _cut(line, columns)
        if row and _begins_row(row, cells):
            yield _shown(row, words)
            row = []
        if not row:
            row = [[] for _ in columns]
        for parts, cell in zip(row, cells, strict=True):
            if cell:
                parts.append(cell)
    if row:
        yield _shown(row, words)


def _begins_row(row: Row, cells: Sequence[str]) -> bool:
    """A new row begins where the first column is filled along with another, as in a row's first line."""
    filled = sum(1 for cell in cells if cell)
    filled_before = sum(1 for parts in row if parts)
    return bool(cells[0]) and filled >= 2 and (filled >= filled_before or filled > 2)


def _shown(row: Row, words: Dehyphenation) -> str:
    return "\t".join(words.fold("\n".join(parts)) for parts in row if parts)
