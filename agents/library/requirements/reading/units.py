"""Cutting a run of lines into paragraphs, list items, hanging entries and one-line statements."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .blocks import Block, Role
from .lines import Line
from .marks import Mark, MarkKind, mark_of

_STOPPED = re.compile(r"[.!?;:][\"'”\u2019)\]]*$")
_JOINED_ON = re.compile(r"(?:[;,:.]|\b(?:and|or|und|oder|sowie))$")
_CONNECTING = re.compile(
    r"(?:[,(–—/&-]|\b(?:and|or|the|a|an|of|to|in|for|by|with|on|at|as|that|which|from|is|are|be|und|oder|der|die|das|"  # noqa: RUF001
    r"von|zu|mit|für|nach|gemäß|section|sections|article|articles|rfc))$",
    re.IGNORECASE,
)
_MODAL = re.compile(
    r"\b(?:shall|must|should|will|may|can|muss|müssen|soll|sollen|darf|dürfen|kann|können)\b", re.IGNORECASE
)
_PART_ENDED = re.compile(r";(?:\s+(?:and|or|und|oder|sowie))?$")
_TERM = re.compile(r"[^\s.;!?][^;!?]{0,58}$")
_RUN_IN_TERM = re.compile(r"([^\s:][^:.;]{0,40}?):\s{1,4}\S")
_HARD_MARGIN = 12
_LONGEST_TERM = 7
_LONGEST_LONE_MARK = 24
_QUOTES = "\"'“”`"


@dataclass(slots=True)
class _Unit:
    lines: list[Line]
    mark: Mark | None = None

    @property
    def indent(self) -> int:
        return self.lines[0].indent


def unit_blocks(group: Sequence[Line], width: int, *, soft: bool = False) -> Iterator[Block]:
    """The blocks of a run of prose lines in a text wrapped at column ``width``.

    ``soft`` says that the format has paragraphs of its own, so that a line end alone never ends one.
    """
    for unit in _units(group, width, soft):
        yield _block(unit)


def _units(group: Sequence[Line], width: int, soft: bool) -> Iterator[_Unit]:
    a_line_each = _is_line_list(group)
    unit: _Unit | None = None
    for line in group:
        mark = _mark(line)
        if unit is not None and not _begins(unit, line, mark, width, a_line_each, soft):
            unit.lines.append(line)
            continue
        if unit is not None:
            yield unit
        unit = _Unit([line], mark)
    if unit is not None:
        yield unit


def _mark(line: Line) -> Mark | None:
    mark = mark_of(line.content)
    return lone_mark(line) if mark is None else mark


def _is_line_list(group: Sequence[Line]) -> bool:
    """Whether every line is a statement of its own: all begin with a capital, or both of two state a rule."""
    if any(line.indent != group[0].indent for line in group):
        return False
    capitals = all(line.content[0].isupper() for line in group)
    if len(group) == 2:
        return (
            capitals and all(_MODAL.search(line.content) for line in group) and not _CONNECTING.search(group[0].content)
        )
    ends = sum(1 for line in group[:-1] if _CONNECTING.search(line.content))
    return len(group) > 2 and capitals and ends * 3 < len(group)


def _begins(unit: _Unit, line: Line, mark: Mark | None, width: int, a_line_each: bool, soft: bool) -> bool:
    """Whether ``line`` begins a new unit after those of ``unit``."""
    previous = unit.lines[-1]
    if len(unit.lines) == 1 and unit.mark is not None and unit.mark.width > len(previous.content):
        return False
    if mark is not None and _opens_item(unit, line, mark, previous, width):
        return True
    if _is_part_ended(previous, unit, line):
        return True
    if a_line_each or soft:
        return a_line_each
    if _dedents(unit, line):
        hung = unit.lines[-1].indent > unit.indent
        return hung or len(unit.lines) > 1 or _is_hard(previous, line, width)
    if line.indent > unit.indent and unit.mark is None and len(unit.lines) == 1:
        return False
    return _is_hard(previous, line, width) and not line.content[0].islower() and line.indent <= previous.indent


def _opens_item(unit: _Unit, line: Line, mark: Mark, previous: Line, width: int) -> bool:
    if mark.kind is MarkKind.IDENTIFIER:
        return line.indent <= unit.indent or _is_hard(previous, line, width)
    if mark.kind is MarkKind.BULLET:
        return line.indent <= unit.indent or unit.mark is None or line.indent > unit.indent
    counts_on = unit.mark is not None and mark.ordinal == unit.mark.ordinal + 1
    if unit.mark is not None and line.indent == unit.indent and (counts_on or mark.style == unit.mark.style):
        return True
    joined_on = bool(_JOINED_ON.search(previous.content))
    if mark.kind is MarkKind.DECIMAL or not mark.shape:
        return (joined_on and line.content[mark.width : mark.width + 1].isupper()) or counts_on
    if mark.ordinal == 1 or unit.mark is not None:
        return joined_on or previous.width + _HARD_MARGIN + len(mark.number) < width
    return joined_on and line.indent != unit.indent


def _is_part_ended(previous: Line, unit: _Unit, line: Line) -> bool:
    """Whether a line ends a part of an enumeration without marks: "keep a log;" on a line of its own."""
    if _PART_ENDED.search(previous.content):
        return unit.lines[0] is previous or unit.mark is not None or ":" not in unit.lines[0].content
    return previous.content.endswith(":") and (line.indent <= previous.indent or not _is_term(previous))


def _dedents(unit: _Unit, line: Line) -> bool:
    """Whether ``line`` stands further left than the unit's text, after a hanging part or a mark."""
    hung = unit.lines[-1].indent > unit.indent
    if unit.mark is not None:
        return line.indent < unit.indent or (line.indent == unit.indent and hung)
    return line.indent < unit.lines[-1].indent and line.indent <= unit.indent


def _is_hard(previous: Line, line: Line, width: int) -> bool:
    """Whether the line break before ``line`` was made by the author: its first word had room on the line before."""
    room = width - previous.width - 1 - len(line.content.split(None, 1)[0])
    if _STOPPED.search(previous.content):
        return room >= 0
    return room >= _HARD_MARGIN and not _CONNECTING.search(previous.content)


def _block(unit: _Unit) -> Block:
    first = unit.lines[0]
    if unit.mark is not None:
        own = () if unit.mark.width > len(first.content) else ((first.start + unit.mark.width, first.end),)
        pieces = (*own, *(line.span for line in unit.lines[1:])) or (first.span,)
        return Block(Role.ITEM, pieces, first.indent, first.indent + unit.mark.width, unit.mark)
    pieces = tuple(line.span for line in unit.lines)
    if term := _term(unit.lines):
        return Block(Role.ITEM, pieces, first.indent, unit.lines[1].indent, Mark(MarkKind.TERM, term))
    return Block(Role.PARAGRAPH, pieces, first.indent)


def _is_term(line: Line) -> bool:
    """Whether a line could be the term of a hanging entry: a few words, no sentence."""
    content = line.content
    short = _TERM.match(content) and not content.endswith((".", ",")) and len(content.split()) <= _LONGEST_TERM
    return bool(short) and not _MODAL.search(content)


def lone_mark(line: Line) -> Mark | None:
    """The mark or id that a line consists of: its text stands on the next line."""
    if len(line.content) > _LONGEST_LONE_MARK:
        return None
    mark = mark_of(line.content + " X")
    if mark is None or mark.width != len(line.content) + 1:
        return None
    return mark if mark.kind is MarkKind.IDENTIFIER or mark.shape in ("()", ")") else None


def leads_on(line: Line) -> bool:
    """Whether a line ends with a word that needs another after it."""
    return bool(_CONNECTING.search(line.content))


def _term(lines: Sequence[Line]) -> str:
    """The term of a hanging entry: on a line of its own, or before a colon, with all other lines set in deeper."""
    first = lines[0]
    if len(lines) < 2 or min(line.indent for line in lines[1:]) < first.indent + 2:
        return ""
    if lines[1].indent >= first.indent + 2 and _is_term(first):
        return first.content.rstrip(":").strip().strip(_QUOTES)
    run_in = _RUN_IN_TERM.match(first.content)
    return run_in[1].strip().strip(_QUOTES) if run_in and len(run_in[1].split()) <= 5 else ""
