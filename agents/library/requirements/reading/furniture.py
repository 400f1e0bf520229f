"""Finding running page headers and footers, which stand between the lines of a text and are none of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from .lines import Line

_PAGE_NUMBER = re.compile(
    r".*\[Page\s+[0-9ivxlc]+\]$|[-–—]?\s*(?:page|seite|p\.)?\s*[0-9]{1,4}\s*(?:(?:of|von|/)\s*[0-9]{1,4})?\s*[-–—]?$"  # noqa: RUF001
    r"|.*\b(?:page|seite)\s+[0-9]{1,4}(?:\s*(?:of|von|/)\s*[0-9]{1,4})?$",
    re.IGNORECASE,
)
_RFC_FOOTER = re.compile(r"\S.*\s{2,}\[Page\s+[0-9ivxlc]+\]$")
_DIGITS = re.compile(r"[0-9]+")
_FROM_PAGE_EDGE = 2
_RULE = re.compile(r"[-=_*~#.·•─═━\s]{3,}$")


def is_rule(content: str) -> bool:
    """Whether a line only draws a rule: "-----", "=====", "* * *"."""
    return bool(_RULE.match(content))


def shape(content: str) -> str:
    """What a header has in common from page to page: its words, its numbers left open."""
    return _DIGITS.sub("#", " ".join(content.split())).casefold()


def furniture_places(pages: Sequence[Sequence[int]], lines: Sequence[Line]) -> set[int]:
    """The indices of ``lines`` that are page furniture. ``pages`` holds the indices of each page's non-blank lines.

    A line is furniture if it stands at the edge of its page and its shape does so on at least three pages (two for a
    document of up to three pages, or when it counts the page).
    """
    edges = [_edge(page) for page in pages]
    counts = Counter(key for edge in edges for key in {shape(lines[index].content) for index in edge})
    needed = 2 if len(pages) <= 3 else 3
    found: set[int] = set()
    for edge in edges:
        for index in edge:
            content = lines[index].content
            seen = counts[shape(content)]
            if seen >= needed or (seen >= 2 and _PAGE_NUMBER.match(content)) or _RFC_FOOTER.match(content):
                found.add(index)
    return found


def _edge(page: Sequence[int]) -> set[int]:
    return {*page[:_FROM_PAGE_EDGE], *page[-_FROM_PAGE_EDGE:]}


def plain_text_furniture(lines: Sequence[Line]) -> set[int]:
    """The furniture of a text with form feeds, or with RFC footers and the headers that follow them."""
    pages = _pages(lines)
    if len(pages) < 2:
        return set()
    return furniture_places(pages, lines)


def _pages(lines: Sequence[Line]) -> list[list[int]]:
    """The indices of the non-blank lines page by page: a form feed ends a page, so does a footer "[Page 12]"."""
    pages: list[list[int]] = [[]]
    for index, line in enumerate(lines):
        if line.content:
            pages[-1].append(index)
        if line.feed or (line.content.endswith("]") and _RFC_FOOTER.match(line.content)):
            pages.append([])
    return [page for page in pages if page]
