"""Recognising headings in plain text: numbered, legal, underlined, in capitals, or set out from the body."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .furniture import is_rule
from .lines import Line

_LEVELS = {
    **dict.fromkeys(["part", "teil", "book", "buch", "annex", "anhang", "anlage", "appendix", "schedule"], 1),
    **dict.fromkeys(["title", "titel"], 2),
    **dict.fromkeys(["chapter", "kapitel"], 3),
    **dict.fromkeys(["section", "sec.", "abschnitt"], 4),
    **dict.fromkeys(["subsection", "unterabschnitt"], 5),
    **dict.fromkeys(["article", "art.", "artikel", "§", "§§", "clause", "rule", "regulation", "recital"], 6),
    **dict.fromkeys(["erwägungsgrund"], 6),
}
_GROUPING = frozenset(
    [
        "appendix",
        "part",
        "teil",
        "book",
        "buch",
        "title",
        "titel",
        "chapter",
        "kapitel",
        "abschnitt",
        "unterabschnitt",
    ]
)
_LEGAL = re.compile(
    rf"(?P<word>{'|'.join(re.escape(word) for word in sorted(_LEVELS, key=len, reverse=True))})\s*"
    r"(?P<number>\(?[0-9]+(?:\.[0-9]+)*\s?[a-z]?\)?|[IVXLC]+|[A-Z])(?![\w])(?P<after>[.:]?)(?:\s+[-–—]?\s*(?P<title>.*))?$",  # noqa: RUF001
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"(?P<number>[0-9]{1,3}(?:\.[0-9]{1,4}){0,6}|[A-Z](?:\.[0-9]{1,3}){1,5}|[IVX]{1,5}(?=\.))\.?(?P<gap>\s+)(?P<title>\S.*)$"
)
_MODAL = re.compile(
    r"\b(?:shall|must|should|will|may|cannot|muss|müssen|soll|sollen|sollte|darf|dürfen|kann|können|hat\szu|ist\szu)\b",
    re.IGNORECASE,
)
_VERB = re.compile(r"\b(?:is|are|was|were|has|have|can|does|do|be|ist|sind|war|wird|werden|haben|hat)\b", re.IGNORECASE)
_ENDED = re.compile(r"[.;:,!?]$")
_LONGEST = 110
_RECITALS = re.compile(r"(?:recitals|whereas|erwägungsgründe|in erwägung nachstehender gründe)\s*[:,]?$", re.IGNORECASE)
_MINOR_LEVEL = 9


@dataclass(frozen=True, slots=True)
class Heading:
    """``lines`` tells how many lines it takes; ``legal`` that paragraphs under it are cited by ``number``."""

    lines: int
    level: int
    number: str = ""
    legal: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stands around a line that might be a heading: the body's indentation, whether a blank line stands before it,
    whether text follows after a blank line."""

    body: int
    set_apart_before: bool
    alone: bool


def heading_of(lines: Sequence[Line], around: Surroundings) -> Heading | None:
    """The heading that ``lines`` (up to the next blank line) begin with, if any."""
    first = lines[0]
    if len(first.content) > _LONGEST:
        return None
    if len(lines) > 1 and is_rule(lines[1].content) and lines[1].content[0] in "=-~_*#" and not is_rule(first.content):
        return _underlined(lines)
    return _recitals(first) or _legal(lines, around) or _numbered(lines, around) or _unnumbered(lines, around)


def heading_number(title: str) -> tuple[str, bool]:
    """The number that a known heading's title begins with ("4.1", "Article 5"), and whether it is an article's."""
    if _RECITALS.match(title):
        return "Recital ", True
    if (found := _LEGAL.match(title)) and (found["word"][0].isupper() or found["word"][0] == "§"):
        return title[: found.end("number")].strip(), found["word"].casefold() not in _GROUPING
    numbered = _NUMBERED.match(title)
    return (numbered["number"], False) if numbered else ("", False)


def _underlined(lines: Sequence[Line]) -> Heading | None:
    if (
        abs(len(lines[1].content) - len(lines[0].content)) > max(6, len(lines[0].content) // 2)
        or "  " in lines[1].content
    ):
        return None
    numbered = _NUMBERED.match(lines[0].content)
    level = numbered["number"].count(".") + 1 if numbered else 1 if lines[1].content[0] == "=" else 2
    return Heading(2, level, numbered["number"] if numbered else "")


def _recitals(first: Line) -> Heading | None:
    return Heading(1, 6, "Recital ", legal=True) if _RECITALS.match(first.content) else None


def _legal(lines: Sequence[Line], around: Surroundings) -> Heading | None:
    found = _LEGAL.match(lines[0].content)
    if found is None or (not found["word"][0].isupper() and found["word"][0] != "§"):
        return None
    title = found["title"] or ""
    if title and (
        title[0].islower() or title[0] in ",;)" or _ENDED.search(title) or (_MODAL.search(title) and len(title) > 40)
    ):
        return None
    if found["after"] and not title and not around.alone:
        return None
    word = found["word"].casefold()
    number = lines[0].content[: found.end("number")].strip()
    taken = 1 if title else 1 + _title_lines(lines[1:])
    if around.body and lines[0].indent >= around.body and not around.alone and taken == len(lines) > 2:
        return None
    return Heading(taken, _LEVELS[word], number, legal=word not in _GROUPING)


def _title_lines(rest: Sequence[Line]) -> int:
    """How many lines after "Article 5" are its title: one that reads as a title and is followed by something else."""
    if not rest or not is_title(rest[0].content) or _NUMBERED.match(rest[0].content) or rest[0].content[0] in "(-•":
        return 0
    return 1 if len(rest) == 1 or not rest[1].content[0].islower() else 0


def is_title(content: str) -> bool:
    """Whether a line reads as a title: short, with a capital, no verb of a rule and no full stop."""
    return (
        len(content) <= _LONGEST
        and (content[0].isupper() or content[0].isdigit() or content[0] in '"“„(')
        and not _ENDED.search(content)
        and not _MODAL.search(content)
        and not _LEGAL.match(content)
    )


def _numbered(lines: Sequence[Line], around: Surroundings) -> Heading | None:
    found = _NUMBERED.match(lines[0].content)
    if found is None or not around.set_apart_before:
        return None
    title = found["title"]
    outdented = lines[0].indent < around.body
    if _MODAL.search(title) or _ENDED.search(title) or not (title[0].isupper() or title[0] in "\"“„'"):
        return None
    if not outdented and (len(title) > 90 or lines[0].indent > around.body):
        return None
    taken = _wrapped_title(lines)
    if taken < len(lines) and (outdented or _continues(lines[taken - 1], lines[taken])):
        return None if not outdented else Heading(taken, found["number"].count(".") + 1, found["number"])
    return Heading(taken, found["number"].count(".") + 1, found["number"])


def _wrapped_title(lines: Sequence[Line]) -> int:
    """How many lines a title takes that is wrapped under its own beginning."""
    taken = 1
    while (
        taken < len(lines)
        and taken < 3
        and lines[taken].indent >= lines[0].indent + 3
        and not _ENDED.search(lines[taken].content)
    ):
        taken += 1
    return taken


def _continues(line: Line, following: Line) -> bool:
    """Whether the line after a would-be heading only continues it or its list."""
    return following.content[0].islower() or bool(_NUMBERED.match(following.content)) or len(line.content) > 80


def _unnumbered(lines: Sequence[Line], around: Surroundings) -> Heading | None:
    content = lines[0].content
    if (
        not around.set_apart_before
        or not is_title(content.removesuffix(":") if content.isupper() else content)
        or _VERB.search(content)
        or "  " in content
        or "\t" in content
    ):
        return None
    letters = [letter for letter in content if letter.isalpha()]
    if len(letters) < 3:
        return None
    alone = len(lines) == 1 and around.alone
    if lines[0].indent < around.body and len(lines) == 1:
        return Heading(1, 1)
    capitals = all(letter.isupper() for letter in letters) and len(content) > 3
    if capitals and lines[0].indent <= around.body and (alone or not lines[1:2] or not lines[1].content.isupper()):
        return Heading(1, 1)
    if alone and lines[0].indent <= around.body and around.body == 0 and len(content.split()) <= 8:
        return Heading(1, _MINOR_LEVEL)
    return None
