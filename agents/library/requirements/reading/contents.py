"""Tables of contents and lists of references in plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .blocks import Block, Role
from .lines import Line

_LEADER = re.compile(r"(?:\.{3,}|(?:\s\.){3,}|…{2,}|_{4,})\s*[0-9ivxlc]*$")
_LEADER_SIGNS = ("...", ". .", "…", "____")
_PAGE_AT_END = re.compile(r"\S\s{2,}[0-9ivxlc]{1,4}$|\s[0-9]{1,4}$")
_ENTRY_NUMBER = re.compile(
    r"(?:[0-9]{1,3}(?:\.[0-9]{1,3})*\.?|[A-Z](?:\.[0-9]{1,3})+\.?|Appendix\s[A-Z]\.?|[IVXLC]+\.)\s"
)
_CONTENTS_TITLE = re.compile(r"(?:table\s+of\s+contents|contents|inhalt(?:sverzeichnis)?|index)\s*:?$", re.IGNORECASE)
_REFERENCES_TITLE = re.compile(
    r"(?:[0-9A-Z.]+\s+)?(?:(?:normative|informative|external|related)\s+)?(?:references|bibliography|literatur(?:verzeichnis)?|"
    r"quellen(?:verzeichnis)?|referenzen|referenced\s+documents|works\s+cited)$",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"\[[^\]\s][^\]]{0,60}\](?:\s{2,}|$)")
_REFERENCE_LIKE = re.compile(
    r"\[[^\]\s][^\]]{0,60}\]\s+\S|[0-9]{1,3}\.\s|[A-Z][\w'\u2019-]+,\s+(?:[A-Z]\.|[A-Z][a-z]+)"
)


def is_contents_title(title: str) -> bool:
    """Whether a heading announces a table of contents."""
    return bool(_CONTENTS_TITLE.match(title.strip()))


def is_references_title(title: str) -> bool:
    """Whether a heading announces a list of references."""
    return bool(_REFERENCES_TITLE.match(title.strip()))


def is_contents(group: Sequence[Line], *, announced: bool) -> bool:
    """Whether the lines are entries of a table of contents; ``announced`` if they stand under its title."""
    leaders = sum(1 for line in group if _has_leader(line.content))
    if leaders and leaders * 2 >= len(group):
        return True
    paged = sum(1 for line in group if _PAGE_AT_END.search(line.content) and _ENTRY_NUMBER.match(line.content))
    numbered = sum(1 for line in group if _ENTRY_NUMBER.match(line.content))
    if announced:
        return paged * 2 >= len(group) or (len(group) >= 3 and numbered * 3 >= len(group) * 2)
    return len(group) >= 4 and paged * 4 >= len(group) * 3


def _has_leader(content: str) -> bool:
    """Whether a line ends in dots that lead to a page number; the pattern is tried only where it can match."""
    return any(sign in content for sign in _LEADER_SIGNS) and bool(_LEADER.search(content))


def contents_blocks(group: Sequence[Line]) -> Iterator[Block]:
    """A block an entry; an entry may run over several lines until its page number."""
    entry: list[Line] = []
    for line in group:
        if entry and (_ENTRY_NUMBER.match(line.content) or _has_leader(entry[-1].content)):
            yield _block(Role.CONTENTS, entry)
            entry = []
        entry.append(line)
    if entry:
        yield _block(Role.CONTENTS, entry)


def is_reference(group: Sequence[Line], *, announced: bool) -> bool:
    """Whether the lines are entries of a list of references; ``announced`` if they stand under its title."""
    if announced:
        return bool(_REFERENCE_LIKE.match(group[0].content) or _REFERENCE.match(group[0].content))
    hanging = len(group) > 1 and group[1].indent > group[0].indent + 4
    return bool(_REFERENCE.match(group[0].content)) and hanging


def reference_blocks(group: Sequence[Line]) -> Iterator[Block]:
    """A block a reference: each begins at the first line's indentation with its label."""
    entry: list[Line] = []
    for line in group:
        if entry and line.indent <= group[0].indent and _REFERENCE_LIKE.match(line.content):
            yield _block(Role.REFERENCE, entry)
            entry = []
        entry.append(line)
    yield _block(Role.REFERENCE, entry)


def _block(role: Role, lines: Sequence[Line]) -> Block:
    return Block(role, tuple(line.span for line in lines), lines[0].indent)
