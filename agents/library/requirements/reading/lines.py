"""A text's lines, with their places and indentation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .flow import Span

_LINE_END = r"(?:\r\n|[\r\n\f\v\x85\u2028\u2029])"
_LINE = re.compile(rf"(?:[ \t]*{_LINE_END})+|[^\r\n\f\v\x85\u2028\u2029]*(?:{_LINE_END}|\Z)")
_TAB = 8
UNWRAPPED = 10_000
"""The wrap width of a text that has none: a paragraph a line."""
_WIDEST_WRAP = 125
_LONGEST_SEEN = 1_000
_HEAD_SEEN = 400
_TAIL_SEEN = 150


@dataclass(frozen=True, slots=True)
class Line:
    """``start`` and ``end`` bound the content without indentation and line end; ``indent`` is in columns.

    ``content`` is what the recognisers look at; the middle of a very long line is left out of it, so that no pattern
    takes time that grows faster than the text. ``feed`` tells that a form feed ends the line.
    """

    start: int
    end: int
    indent: int
    content: str
    feed: bool = False

    @property
    def span(self) -> Span:
        return self.start, self.end

    @property
    def width(self) -> int:
        return self.indent + self.end - self.start

    @property
    def whole(self) -> bool:
        """Whether ``content`` is the line's whole content."""
        return self.end - self.start == len(self.content)


def lines_of(text: str) -> list[Line]:
    """The lines of ``text``, a run of blank lines as one. Every character is in a line or the white space around it."""
    return [_line(text, begin, end) for begin, end in _bounds(text)]


def _bounds(text: str) -> Iterator[Span]:
    for found in _LINE.finditer(text):
        if found.end() > found.start():
            yield found.start(), found.end()


def _line(text: str, begin: int, end: int) -> Line:
    raw = text[begin:end]
    content = raw.strip()
    if not content:
        return Line(end, end, 0, "", feed="\f" in raw)
    lead = len(raw) - len(raw.lstrip())
    indent = lead if "\t" not in raw[:lead] else len(raw[:lead].expandtabs(_TAB))
    start = begin + lead
    seen = content if len(content) <= _LONGEST_SEEN else f"{content[:_HEAD_SEEN]} … {content[-_TAIL_SEEN:]}"
    return Line(start, start + len(content), indent, seen, feed=raw.endswith("\f"))


def groups_of(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Runs of lines without a blank one between them."""
    group: list[Line] = []
    for line in lines:
        if line.content:
            group.append(line)
        elif group:
            yield group
            group = []
    if group:
        yield group


def body_indent(lines: Sequence[Line]) -> int:
    """The indentation of running text: the most frequent one that is small."""
    counts = Counter(line.indent for line in lines if line.content and line.indent <= 12)
    return counts.most_common(1)[0][0] if counts else 0


def wrap_width(lines: Sequence[Line]) -> int:
    """The column at which the text is wrapped: nearly all lines are within it. ``UNWRAPPED`` if it is not."""
    widths = sorted(line.width for line in lines if line.content)
    if not widths:
        return UNWRAPPED
    width = widths[int(len(widths) * 0.97)] if len(widths) > 30 else widths[-1]
    return width if width <= _WIDEST_WRAP else UNWRAPPED
