"""Markdown to blocks: structure from markdown-it's tokens, places from the source, which is the document's text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ..clauses import DocumentText
from .assembling import assemble
from .blocks import Block, Role
from .contents import is_contents_title, is_references_title
from .decoding import decode_text
from .delimited import row_id
from .errors import DocumentTooLarge
from .flow import Span, flow_of
from .headings import heading_number
from .limits import MAX_MARKDOWN, MIB
from .lines import lines_of, wrap_width
from .markdown_inline import cell_spans, inline_pieces, joined_text
from .marks import Mark, MarkKind
from .paragraphs import paragraph_blocks

_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n|\Z)")
_FRONT_MATTER = re.compile(r"(?:---|\+\+\+)[ \t]*\r?\n(?:.*\r?\n)*?(?:---|\+\+\+|\.\.\.)[ \t]*(?:\r?\n|\Z)")
_LONGEST_HEADING = 400
_LONGEST_FRONT_MATTER = 20_000
_CODE_TOKENS = frozenset(["fence", "code_block", "html_block"])
_WORD = re.compile(r"\w")


@dataclass(slots=True)
class _Reader:
    text: str
    width: int
    starts: list[int]
    blocks: list[Block] = field(default_factory=list)
    lists: list[Token] = field(default_factory=list)
    mark: Mark | None = None
    """The mark of the list item that was opened and has no text yet."""
    row: list[tuple[Span, ...]] | None = None
    row_cells: list[Span] = field(default_factory=list)
    section_role: Role | None = None
    title: str = ""

    def lines(self, token: Token) -> Span:
        first, last = token.map or [0, 0]
        return self.starts[first], self.starts[min(last, len(self.starts) - 1)]

    def read(self, tokens: Sequence[Token]) -> None:
        heading: Token | None = None
        for token in tokens:
            if token.type == "heading_open":
                heading = token
            elif token.type == "inline":
                if heading is not None:
                    self._heading(token, heading)
                elif self.row is not None:
                    self._cell(token)
                else:
                    self._paragraph(token)
                heading = None if heading is not None else heading
            else:
                self._structure(token)

    def _structure(self, token: Token) -> None:
        if token.type in ("bullet_list_open", "ordered_list_open"):
            self.lists.append(token)
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            self.lists.pop()
        elif token.type == "list_item_open":
            self.mark = _mark_of_item(token, self.lists[-1])
        elif token.type == "tr_open":
            self.row = []
            self.row_cells = list(cell_spans(self.text, *self._row_line(token)))
        elif token.type == "tr_close":
            self._close_row()
        elif token.type in _CODE_TOKENS:
            self._whole(Role.CODE, token)
        elif token.type == "hr":
            self._whole(Role.FURNITURE, token)

    def _row_line(self, token: Token) -> Span:
        first = (token.map or [0, 0])[0]
        return self.starts[first], self.starts[first + 1]

    def _whole(self, role: Role, token: Token) -> None:
        start, end = self.lines(token)
        pieces = tuple(line.span for line in lines_of(self.text[start:end]) if line.content)
        if pieces:
            self.blocks.append(Block(role, tuple((start + first, start + last) for first, last in pieces)))

    def _heading(self, token: Token, heading: Token) -> None:
        pieces = inline_pieces(self.text, self.lines(token), token)
        if not pieces:
            return
        title = flow_of(self.text, pieces).text
        if len(title) > _LONGEST_HEADING:
            self._paragraph(token)
            return
        number, legal = heading_number(title)
        self.section_role = (
            Role.CONTENTS if is_contents_title(title) else Role.REFERENCE if is_references_title(title) else None
        )
        self.title = self.title or title
        level = int(heading.tag[1:])
        self.blocks.append(Block(Role.HEADING, pieces, 0, 0, None, level, number, legal))

    def _cell(self, token: Token) -> None:
        assert self.row is not None  # noqa: S101 - called within a row only
        index = len(self.row)
        if index < len(self.row_cells):
            self.row.append(inline_pieces(self.text, self.row_cells[index], token))

    def _close_row(self) -> None:
        cells = [pieces for pieces in self.row or [] if pieces]
        number = row_id([joined_text(self.text, pieces) for pieces in cells])
        self.blocks.extend(Block(Role.TABLE_CELL, pieces, number=number) for pieces in cells)
        self.row = None

    def _paragraph(self, token: Token) -> None:
        pieces = inline_pieces(self.text, self.lines(token), token)
        mark, self.mark = self.mark, None
        if not pieces:
            return
        if self.section_role is not None:
            self.blocks.append(Block(self.section_role, pieces))
            return
        self.blocks.extend(
            paragraph_blocks(self.text, pieces, depth=len(self.lists), mark=mark, width=self.width, soft=True)
        )


def _mark_of_item(item: Token, within: Token) -> Mark:
    if within.type == "ordered_list_open":
        return Mark(MarkKind.ARABIC, item.info, "." if item.markup == "." else ")", int(item.info or 0))
    return Mark(MarkKind.BULLET, "-")


def read_markdown(content: bytes, *, name: str) -> DocumentText:
    """Read Markdown. Offsets hold in the decoded file; marks and link targets are no part of clauses' texts."""
    if len(content) > MAX_MARKDOWN:
        raise DocumentTooLarge(
            f"{name}: {len(content) / MIB:.1f} MiB is more than the {MAX_MARKDOWN // MIB} MiB that a Markdown document "
            "may have. Split it into parts, or give it as plain text (.txt)."
        )
    text = decode_text(content, name=name)
    starts = [found.start() for found in _LINE.finditer(text)]
    starts.append(len(text))
    reader = _Reader(text, wrap_width(lines_of(text)), starts)
    front = _front_matter(text)
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable("text_join")
    blank = re.sub(r"[^\r\n]", " ", text[:front])
    reader.read(parser.parse(blank + text[front:]))
    blocks = sorted([*reader.blocks, *_left_over(text, front, reader.blocks)], key=lambda block: block.start)
    return assemble(
        name=name,
        media_type="text/markdown",
        text=text,
        title=reader.title or _first_line(text),
        blocks=blocks,
    )


def _front_matter(text: str) -> int:
    """Where the metadata at the top of the file ends, 0 if there is none."""
    found = _FRONT_MATTER.match(text[:_LONGEST_FRONT_MATTER])
    return found.end() if found else 0


def _left_over(text: str, front: int, blocks: Sequence[Block]) -> Iterator[Block]:
    """What the parser gives no token for: metadata, and definitions of link targets."""
    covered = sorted(piece for block in blocks for piece in block.pieces)
    index = 0
    for line in lines_of(text):
        while index < len(covered) and covered[index][1] <= line.start:
            index += 1
        touched = index < len(covered) and covered[index][0] < line.end
        if line.content and not touched and _WORD.search(line.content):
            yield Block(Role.CODE if line.end <= front else Role.REFERENCE, (line.span,))


def _first_line(text: str) -> str:
    return next((line.content for line in lines_of(text) if line.content), "")
