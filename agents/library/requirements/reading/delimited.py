"""Rows of values in plain text: separated by tabs, semicolons, commas or wide gaps."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

from .blocks import Block, Role
from .flow import Span
from .lines import Line
from .marks import MarkKind, mark_of

_CELL = {
    "\t": re.compile(r"[^\t]+"),
    ",": re.compile(
        r'\s*(?:"(?P<double>(?:[^"]|"")*)"|\'(?P<single>(?:[^\'\\]|\\.|\'(?!\s*(?:,|$)))*)\'|(?P<bare>[^,]*))\s*(?:,|$)'
    ),
    ";": re.compile(r'\s*(?:"(?P<double>(?:[^"]|"")*)"|(?P<bare>[^;]*))\s*(?:;|$)'),
    "|": re.compile(r"[^|]+"),
    "  ": re.compile(r"\S+(?:\s\S+)*"),
}
_ID = re.compile(r"[\[(]?[A-Za-z]{0,12}[-_.:/ ]?[0-9]{1,6}(?:[-_.][0-9A-Za-z]{1,6}){0,4}[\])]?$")
_WIDE_GAP = re.compile(r"\S\s{3,}\S")
_PROSE_CELL_WORDS = 3


def row_blocks(group: Sequence[Line]) -> list[Block]:
    """A block a cell if the lines are rows of one table; else nothing."""
    separator = _separator(group)
    if separator is None or not all(line.whole for line in group):
        return []
    rows = [(line, _cells(line, separator)) for line in group]
    if separator == "\t" and all(_is_marked_text(line, cells) for line, cells in rows):
        return []
    columns = Counter(len(cells) for _, cells in rows).most_common(1)[0][0]
    if columns < 2 or not _is_table([cells for _, cells in rows], group, columns, separator):
        return []
    blocks: list[Block] = []
    for line, cells in rows:
        number = row_id([line.content[start - line.start : end - line.start] for start, end in cells])
        blocks.extend(Block(Role.TABLE_CELL, (cell,), line.indent, number=number) for cell in cells)
    return blocks


def row_id(cells: Sequence[str]) -> str:
    """The id of a row: its first cell that looks like one, of the first two."""
    return next((cell.strip() for cell in cells[:2] if _ID.match(cell.strip())), "") if len(cells) > 1 else ""


def _is_marked_text(line: Line, cells: Sequence[Span]) -> bool:
    """Whether a line is a list item whose mark a tab sets off: "(a)<tab>the guest has consented;"."""
    mark = mark_of(line.content) if len(cells) == 2 else None
    return mark is not None and bool(mark.shape or mark.kind is MarkKind.BULLET)


def _separator(group: Sequence[Line]) -> str | None:
    most = len(group) * 4
    if sum(1 for line in group if "\t" in line.content) * 5 >= most:
        return "\t"
    if len(group) >= 2 and sum(1 for line in group if _WIDE_GAP.search(line.content)) * 5 >= most:
        return "  "
    for sign in "|;,":
        if len(group) >= 2 and sum(1 for line in group if sign in line.content) * 5 >= most:
            return sign
    return None


def _cells(line: Line, separator: str) -> list[Span]:
    cells = []
    for found in _CELL[separator].finditer(line.content):
        group = next((name for name, value in found.groupdict().items() if value is not None), 0)
        start, end = found.span(group)
        while start < end and line.content[start].isspace():
            start += 1
        while end > start and line.content[end - 1].isspace():
            end -= 1
        if end > start:
            cells.append((line.start + start, line.start + end))
    return cells


def _is_table(rows: Sequence[Sequence[Span]], group: Sequence[Line], columns: int, separator: str) -> bool:
    """Rows agree in their number of cells; where the separator occurs in prose too, a column must be short."""
    agreeing = [cells for cells in rows if len(cells) == columns]
    if len(agreeing) * 5 < len(rows) * 4:
        return False
    if separator in "\t|":
        return True
    if separator == "  ":
        return len(agreeing) >= 2 and _has_label_column(agreeing, group, columns)
    quoted = sum(1 for line in group if re.match(r"\s*\d+\s*,\s*['\"]|['\"]", line.content))
    return len(agreeing) >= 2 and (quoted * 5 >= len(rows) * 4 or _has_label_column(agreeing, group, columns))


def _has_label_column(rows: Sequence[Sequence[Span]], group: Sequence[Line], columns: int) -> bool:
    """Whether a column holds one short word a row: an id or a label."""
    starts = [line.start for line in group]
    texts = []
    for cells in rows:
        line = group[bisect_right(starts, cells[0][0]) - 1]
        texts.append([line.content[start - line.start : end - line.start] for start, end in cells])
    return any(all(" " not in row[column] and len(row[column]) <= 24 for row in texts) for column in (0, columns - 1))
