"""Putting together the text of a format whose file is no text: HTML, DOCX."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .blocks import Block, Role
from .contents import is_contents_title, is_references_title
from .delimited import row_id
from .errors import DocumentTooLarge
from .flow import Span, fold
from .headings import heading_number
from .limits import MAX_CHARACTERS
from .marks import Mark, MarkKind, mark_of
from .paragraphs import paragraph_blocks

_LONGEST_HEADING = 400
_LINES = re.compile(r"[^\n]*")


@dataclass(slots=True)
class Extraction:
    """A text that grows paragraph by paragraph, and its blocks. Words are kept as they are, line ends as ``\\n``."""

    name: str
    parts: list[str] = field(default_factory=list)
    length: int = 0
    blocks: list[Block] = field(default_factory=list)
    title: str = ""
    row: list[tuple[str, tuple[Span, ...]]] | None = None
    """The cells of the table row being read."""
    _section_role: Role | None = None

    @property
    def text(self) -> str:
        return "".join(self.parts)

    def heading(self, words: str, level: int) -> None:
        """Add a heading."""
        title = fold(words)
        if len(title) > _LONGEST_HEADING:
            self.paragraph(words)
            return
        number, legal = heading_number(title)
        self._section_role = (
            Role.CONTENTS if is_contents_title(title) else Role.REFERENCE if is_references_title(title) else None
        )
        self.title = self.title or title
        self._add(title, Role.HEADING, level=level, number=number, legal=legal)

    def whole(self, words: str, role: Role) -> None:
        """Add a passage that is no prose."""
        self._add(words, role)

    def paragraph(self, words: str, *, depth: int = 0, mark: Mark | None = None) -> None:
        """Add a paragraph, or a list item with its mark, at list depth ``depth``."""
        if not words.strip():
            return
        if self._section_role is not None:
            self._add(words, self._section_role)
            return
        if mark is not None and mark.kind is not MarkKind.TERM:
            self._write("  " * max(depth - 1, 0) + (mark.number or "-") + " ")
        base = self.length
        local = [(start - base, end - base) for start, end in self._pieces(words)]
        self.blocks.extend(_moved(block, base) for block in paragraph_blocks(words, local, depth=depth, mark=mark))
        self._write("\n\n")

    def cell(self, words: str) -> None:
        """Add a cell to the open table row."""
        if self.row is None or not words.strip():
            return
        if self.row:
            self._write("\t")
        self.row.append((fold(words), self._pieces(words)))

    def end_row(self, depth: int = 0) -> None:
        """Close the table row: a row of a mark and a text is a list item in disguise."""
        cells, self.row = self.row or [], None
        if not cells:
            return
        mark = _only_mark(cells[0][0]) if len(cells) == 2 else None
        if mark is not None:
            self.blocks.append(Block(Role.ITEM, cells[1][1], depth * 4, depth * 4 + 2, mark))
        else:
            number = row_id([words for words, _ in cells])
            self.blocks.extend(Block(Role.TABLE_CELL, pieces, number=number) for _, pieces in cells)
        self._write("\n")

    def _add(self, words: str, role: Role, *, level: int = 0, number: str = "", legal: bool = False) -> None:
        if words.strip():
            self.blocks.append(Block(role, self._pieces(words), 0, 0, None, level, number, legal))
            self._write("\n\n")

    def _pieces(self, words: str) -> tuple[Span, ...]:
        """Write ``words``; the spans of its lines without white space around them."""
        base = self.length
        self._write(words)
        pieces = []
        for found in _LINES.finditer(words):
            line = found[0]
            start = base + found.start() + len(line) - len(line.lstrip())
            end = base + found.start() + len(line.rstrip())
            if end > start:
                pieces.append((start, end))
        return tuple(pieces)

    def _write(self, words: str) -> None:
        self.parts.append(words)
        self.length += len(words)
        if self.length > MAX_CHARACTERS:
            raise DocumentTooLarge(
                f"{self.name}: more than {MAX_CHARACTERS:,} characters of text. Split it into parts."
            )


def _only_mark(words: str) -> Mark | None:
    """The mark that a cell consists of, if it is one of a list and no id."""
    if len(words) > 8:
        return None
    mark = mark_of(words + " X")
    whole = mark is not None and mark.width == len(words) + 1
    return mark if mark and whole and (mark.shape or mark.kind is MarkKind.BULLET) else None


def _moved(block: Block, by: int) -> Block:
    pieces = tuple((start + by, end + by) for start, end in block.pieces)
    return Block(block.role, pieces, block.indent, block.inner, block.mark, block.level, block.number, block.legal)
