"""The marks that open list items and numbered paragraphs: bullets, letters, numerals, requirement ids."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class MarkKind(StrEnum):
    """What a mark counts with."""

    BULLET = "bullet"
    ARABIC = "arabic"
    LETTER = "letter"
    ROMAN = "roman"
    DECIMAL = "decimal"
    """A number of several parts: "3.1.2"."""
    IDENTIFIER = "identifier"
    """The id of a requirement: "REQ-001"."""
    TERM = "term"
    """The hanging term of a definition or parameter."""
    PLAIN = "plain"
    """None: an item known only by its place in a list."""


@dataclass(frozen=True, slots=True)
class Mark:
    """``label`` is the count without its punctuation, ``shape`` the punctuation around it ("()", ")", "."), ``ordinal``
    its place in the count (0 where it has none), ``width`` the characters it takes with the white space after it."""

    kind: MarkKind
    label: str
    shape: str = ""
    ordinal: int = 0
    width: int = 0

    @property
    def style(self) -> str:
        """What marks of one list have in common."""
        case = "upper" if self.kind in (MarkKind.LETTER, MarkKind.ROMAN) and self.label.isupper() else ""
        bullet = self.label if self.kind is MarkKind.BULLET else ""
        return f"{self.kind}{case}{bullet}{self.shape}"

    @property
    def number(self) -> str:
        """The mark as it is cited: "(a)", "2.", "REQ-001"; nothing for a bullet."""
        if self.kind in (MarkKind.BULLET, MarkKind.PLAIN):
            return ""
        if self.shape == "()":
            return f"({self.label})"
        return self.label + self.shape

    def as_letter(self) -> Mark:
        """The same mark counted by letters: "(i)" after "(h)"."""
        return Mark(MarkKind.LETTER, self.label, self.shape, _letter_ordinal(self.label), self.width)


TERM_STYLE = MarkKind.TERM.value

_BULLET = re.compile(r"([-*+•◦▪‣●○■□·∙\u2013—➢➤✓❖])\s+(?=\S)|(o)(?:\t|\s{2,})(?=\S)")
_ROMAN = re.compile(r"(?=[ivxlc])c{0,3}(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})\Z", re.IGNORECASE)
_PAREN = re.compile(r"\(([0-9]{1,3}[a-z]?|[A-Za-z]{1,2}|[ivxlcIVXLC]{1,7})\)\s+(?=\S)")
_HALF_PAREN = re.compile(r"([0-9]{1,3}|[A-Za-z]|[ivxlc]{2,7})\)\s+(?=\S)")
_DECIMAL = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,4}){1,6})([.):]?)\s+(?=\S)")
_DOT = re.compile(r"([0-9]{1,4}|[A-Za-z]|[ivxlc]{2,7}|[IVXLC]{2,7})\.\s+(?=\S)")
_NUMBER = re.compile(r"([0-9]{1,4})(:?)\s+(?=[A-ZÄÖÜ\"„“'(])")
_WORDS_THAT_NUMBER = "requirement|req|anforderung|rule|regel|constraint|goal|need|feature"
_IDENTIFIER = re.compile(
    r"(?P<open>\[)?(?P<id>"
    rf"(?:(?:{_WORDS_THAT_NUMBER})\.?\s?\#?[0-9]{{1,5}}(?:\.[0-9]{{1,4}}){{0,5}})"
    r"|(?:[A-Za-z][A-Za-z0-9]{0,15}(?:[-_./][A-Za-z0-9]{1,12}){0,5}[-_./]?[0-9]{1,6}(?:[-_.][0-9A-Za-z]{1,6}){0,4}[a-z]?)"
    r")(?P<close>\])?(?P<after>[:.)]|\s[-\u2013—])?\s+(?=\S)",
    re.IGNORECASE,
)
_NOT_AN_IDENTIFIER = re.compile(
    r"(?:rfc|bcp|std|iso|iec|din|en|ieee|utf|sha|tls|http|ipv|step|fig|figure|table|section|chapter|v)[-_./]?[0-9]",
    re.IGNORECASE,
)


def mark_of(content: str) -> Mark | None:
    """The mark that ``content`` (a line without its indentation) begins with, if any."""
    first = content[:1]
    if not first or (first.isalpha() and not _may_begin_mark(content)):
        return None
    if bullet := _BULLET.match(content):
        return Mark(MarkKind.BULLET, bullet[1] or bullet[2], width=bullet.end())
    for pattern, shape in ((_PAREN, "()"), (_HALF_PAREN, ")"), (_DOT, ".")):
        if found := pattern.match(content):
            return _counted(found[1], shape, found.end())
    if found := _DECIMAL.match(content):
        return Mark(MarkKind.DECIMAL, found[1], ordinal=int(found[1].rsplit(".", 1)[1]), width=found.end())
    if found := _NUMBER.match(content):
        return Mark(MarkKind.ARABIC, found[1], ordinal=int(found[1]), width=found.end())
    return _identifier(content)


def _may_begin_mark(content: str) -> bool:
    """Whether a line beginning with a letter could carry a mark: a quick look that spares most lines the patterns."""
    head = content[:40].split(None, 2)
    word = head[0]
    return len(word) <= 2 or not word.isalpha() or (len(head) > 1 and head[1][:1] in "#0123456789")


def _counted(label: str, shape: str, width: int) -> Mark:
    if label[0].isdigit():
        digits = label.rstrip("abcdefghijklmnopqrstuvwxyz")
        return Mark(MarkKind.ARABIC, label, shape, int(digits), width)
    if _ROMAN.match(label) and (len(label) > 1 or label in "iIvVxX"):
        return Mark(MarkKind.ROMAN, label, shape, _roman_ordinal(label), width)
    return Mark(MarkKind.LETTER, label, shape, _letter_ordinal(label), width)


def _identifier(content: str) -> Mark | None:
    found = _IDENTIFIER.match(content)
    if found is None or _NOT_AN_IDENTIFIER.match(found["id"]) or bool(found["open"]) != bool(found["close"]):
        return None
    following = content[found.end() : found.end() + 1]
    announced = bool(found["after"]) or bool(found["open"])
    if not announced and not (following.isupper() or following in "\"“„'"):
        return None
    if not announced and not (found["id"][0].isupper() or "-" in found["id"]):
        return None
    return Mark(MarkKind.IDENTIFIER, found["id"], width=found.end())


def _letter_ordinal(label: str) -> int:
    return ord(label[0].lower()) - ord("a") + 1 + 26 * (len(label) - 1)


def _roman_ordinal(label: str) -> int:
    values = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
    counts = [values[letter] for letter in label.lower()]
    total = 0
    for index, count in enumerate(counts):
        smaller = index + 1 < len(counts) and count < counts[index + 1]
        total += -count if smaller else count
    return total
