"""Plain text to blocks: RFCs, regulations, requirement lists, notes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..clauses import DocumentText
from .assembling import assemble
from .blocks import Block, Role
from .contents import (
    contents_blocks,
    is_contents,
    is_contents_title,
    is_reference,
    is_references_title,
    reference_blocks,
)
from .decoding import decode_text
from .delimited import row_blocks
from .figures import is_caption, is_display, is_figure, looks_drawn
from .furniture import is_rule, plain_text_furniture
from .headings import Heading, Surroundings, heading_of, is_title
from .lines import Line, body_indent, groups_of, lines_of, wrap_width
from .marks import mark_of
from .units import leads_on, lone_mark, unit_blocks

_SENTENCE_OPEN = re.compile(r"[\w,)\]\"'”\u2019/-]$")
_CENTRED = 8
_WINDOW = 12
"""How many lines from a heading on are looked at to tell it."""
_BEGINS_LEGAL = frozenset("AaSs§RrCcKkPpTtBbEeUu")


@dataclass(slots=True)
class _Reader:
    """What is known while a text's groups of lines are read in order."""

    body: int
    width: int
    after_breaks: set[int]
    """Where the first line of text after each page break begins."""
    blocks: list[Block] = field(default_factory=list)
    in_contents: bool = False
    in_references: bool = False
    announced: bool = False
    """Whether the text just before ends with a colon."""
    title: str = ""
    last: Line | None = None

    def read(self, group: Sequence[Line], following: Sequence[Line] | None) -> int:
        """Add the blocks of ``group``; returns how many lines of ``following`` were taken with it."""
        taken = at = 0
        if self._runs_on(group):
            self._prose(group)
            return 0
        while at < len(group):
            heading = self._heading(group, at, following)
            if heading:
                taken = self._add_heading(heading, group, at, following)
                at += heading.lines
            else:
                end = self._run_end(group, at)
                self._text(group[at:end])
                at = end
        return taken

    def _heading(self, group: Sequence[Line], at: int, following: Sequence[Line] | None) -> Heading | None:
        window = group[at : at + _WINDOW]
        around = Surroundings(self.body, set_apart_before=at == 0, alone=at == len(group) - 1)
        heading = heading_of(window, around)
        if heading is None or (self.in_contents and is_contents(window, announced=True)):
            return None
        numbered = heading.number and not heading.legal and window[0].indent >= self.body
        if numbered and self._in_series(window, following):
            return None
        if is_figure(window) or is_contents(window, announced=self.in_contents):
            return None
        return heading

    def _in_series(self, group: Sequence[Line], following: Sequence[Line] | None) -> bool:
        """Whether a numbered one-line group is one of a list: its neighbour counts on in the same style."""
        own = mark_of(group[0].content)
        if own is None:
            return False
        previous = self.blocks[-1].mark if self.blocks else None
        if previous is not None and previous.style == own.style and own.ordinal == previous.ordinal + 1:
            return True
        following_mark = mark_of(following[0].content) if following else None
        if following_mark is None or len(group) > 1:
            return False
        same = following_mark.style == own.style and following_mark.number.count(".") == own.number.count(".")
        return same and following_mark.ordinal == own.ordinal + 1

    def _add_heading(self, heading: Heading, group: Sequence[Line], at: int, following: Sequence[Line] | None) -> int:
        lines = list(group[at : at + heading.lines])
        taken = 0
        bare = heading.lines == 1 and lines[0].content == heading.number.strip()
        separate = at == len(group) - 1 and following is not None and len(following) == 1
        if bare and separate and following and _is_separate_title(following[0]):
            lines.append(following[0])
            taken = 1
        shown = [line for line in lines if not is_rule(line.content)]
        title = " ".join(line.content for line in shown)
        self.in_contents = is_contents_title(title)
        self.in_references = is_references_title(title)
        self.announced = False
        self.title = self.title or title
        self.blocks.append(
            Block(
                Role.HEADING,
                tuple(line.span for line in shown),
                lines[0].indent,
                0,
                None,
                heading.level,
                heading.number,
                heading.legal,
            )
        )
        self.blocks.extend(Block(Role.FURNITURE, (line.span,)) for line in lines if is_rule(line.content))
        return taken

    def _run_end(self, group: Sequence[Line], at: int) -> int:
        """The index of the next line that begins a legal heading within the group, or the group's length."""
        for index in range(at + 1, len(group)):
            line = group[index]
            if line.content[0] not in _BEGINS_LEGAL or group[index - 1].content[-1] not in ".;:!?":
                continue
            around = Surroundings(self.body, set_apart_before=False, alone=index == len(group) - 1)
            heading = heading_of(group[index : index + _WINDOW], around)
            if heading and heading.legal:
                return index
        return len(group)

    def _text(self, group: Sequence[Line]) -> None:
        if is_contents(group, announced=self.in_contents):
            self.blocks.extend(contents_blocks(group))
        elif is_reference(group, announced=self.in_references):
            self.blocks.extend(reference_blocks(group))
        elif self.in_references and group[0].indent > self.body:
            self.blocks.append(_whole(Role.REFERENCE, group))
        elif all(is_rule(line.content) for line in group):
            self.blocks.append(_whole(Role.FURNITURE, group))
        elif is_caption(group, self.body) or self._is_code(group):
            self.blocks.append(_whole(Role.CODE, group))
            return
        elif rows := row_blocks(group):
            self.blocks.extend(rows)
        else:
            self._prose(group)
        self.announced = group[-1].content.endswith(":")

    def _is_code(self, group: Sequence[Line]) -> bool:
        if mark_of(group[0].content) is not None and not looks_drawn(group[0]):
            return False
        if is_figure(group):
            return True
        deeper = group[0].indent > self.body and min(line.indent for line in group) > self.body
        after_code = bool(self.blocks) and self.blocks[-1].role is Role.CODE and len(self.blocks[-1].pieces) > 1
        return deeper and (self.announced or after_code) and is_display(group) and not _hangs(group)

    def _prose(self, group: Sequence[Line]) -> None:
        blocks = list(unit_blocks(group, self.width))
        if self._continues_previous(group):
            self.blocks[-1] = _joined(self.blocks[-1], blocks.pop(0))
        self.blocks.extend(blocks)
        self.announced = group[-1].content.endswith(":")

    def _runs_on(self, group: Sequence[Line]) -> bool:
        """Whether a group after a page break goes on with the sentence before it."""
        return group[0].start in self.after_breaks and self._continues_previous(group)

    def _continues_previous(self, group: Sequence[Line]) -> bool:
        """Whether only a page break, or the blank line left by one, stands before a sentence's further words."""
        previous = self.blocks[-1] if self.blocks else None
        first, last = group[0], self.last
        if previous is None or last is None or previous.role not in (Role.PARAGRAPH, Role.ITEM):
            return False
        if mark_of(first.content) is not None or not _SENTENCE_OPEN.search(last.content):
            return False
        filled = last.width >= self.width * 0.75
        if first.start in self.after_breaks:
            return first.content[0].islower() or leads_on(last) or (filled and not is_figure(group))
        same_column = first.indent in (last.indent, previous.inner or previous.indent)
        return same_column and filled and first.content[0].islower()


def _hangs(group: Sequence[Line]) -> bool:
    return (
        len(group) > 1
        and min(line.indent for line in group[1:]) >= group[0].indent + 2
        and len(group[0].content.split()) == 1
    )


def _is_separate_title(line: Line) -> bool:
    return is_title(line.content) and mark_of(line.content) is None


def _whole(role: Role, group: Sequence[Line]) -> Block:
    return Block(role, tuple(line.span for line in group), group[0].indent)


def _joined(first: Block, rest: Block) -> Block:
    return Block(first.role, first.pieces + rest.pieces, first.indent, first.inner, first.mark)


def blocks_of(lines: Sequence[Line], furniture: set[int], begins: Sequence[int] = ()) -> tuple[list[Block], str]:
    """The blocks of a text and its title.

    ``furniture`` holds the indices of the lines that are page furniture, ``begins`` the offsets where pages begin.
    """
    kept = [line for index, line in enumerate(lines) if index not in furniture]
    reader = _Reader(body_indent(kept), wrap_width(kept), _after_breaks(lines, furniture, begins))
    groups = _marks_joined(groups_of([line for index, line in enumerate(lines) if index not in furniture]))
    skip = 0
    for index, group in enumerate(groups):
        following = groups[index + 1] if index + 1 < len(groups) else None
        if skip:
            skip = 0
            continue
        skip = reader.read(group, following)
        reader.last = group[-1]
    blocks = reader.blocks
    blocks.extend(Block(Role.FURNITURE, (lines[index].span,)) for index in sorted(furniture) if lines[index].content)
    blocks.sort(key=lambda block: block.start)
    return blocks, _title(groups, reader.title)


def _marks_joined(groups: Iterable[list[Line]]) -> list[list[Line]]:
    """The groups; one that is only a mark is put before its text, which a blank line parts from it."""
    joined: list[list[Line]] = []
    for group in groups:
        if joined and len(joined[-1]) == 1 and lone_mark(joined[-1][0]) and not lone_mark(group[0]):
            joined[-1].extend(group)
        else:
            joined.append(group)
    return joined


def _after_breaks(lines: Sequence[Line], furniture: set[int], begins: Sequence[int]) -> set[int]:
    """Where the first line of text after each page break begins."""
    places: set[int] = set()
    broken = False
    upcoming = iter([*begins[1:], lines[-1].end + 1 if lines else 0])
    page_end = next(upcoming)
    for index, line in enumerate(lines):
        while line.start >= page_end and line.content:
            broken, page_end = True, next(upcoming)
        if index in furniture:
            broken = True
        elif line.content and broken:
            places.add(line.start)
            broken = False
        broken = broken or line.feed
    return places


def _title(groups: Sequence[Sequence[Line]], first_heading: str) -> str:
    """A centred line near the top, else the first heading, else the first line."""
    for group in groups[:6]:
        if len(group) <= 3 and group[0].indent >= _CENTRED and not is_figure(group):
            return " ".join(line.content for line in group)
    return first_heading or (groups[0][0].content if groups else "")


def read_plain_text(content: bytes, *, name: str, media_type: str = "text/plain") -> DocumentText:
    """Read plain text. Offsets hold in the decoded file."""
    text = decode_text(content, name=name)
    lines = lines_of(text)
    pages = _pages(text)
    blocks, title = blocks_of(lines, plain_text_furniture(lines), pages)
    return assemble(name=name, media_type=media_type, text=text, title=title, blocks=blocks, pages=pages)


def _pages(text: str) -> list[int]:
    """Where pages begin, in a text with form feeds."""
    feeds = [found.end() for found in re.finditer("\f", text)]
    return [0, *feeds] if feeds else []
