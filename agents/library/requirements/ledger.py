"""The completeness ledger: every normative word of a document is accounted for by a candidate.

The scan is kept apart from the creator's on purpose: its own short list of words, over the whole text as it
is, headers, contents, figures and references included. Nothing here knows of clauses, so that what reading
left out shows as well.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from agents.library.requirements.requirement import Citation

# A word with its compound (must-have, over a line end too) or as an identifier (is_required).
_WORD = re.compile(r"[A-Za-z0-9ÄÖÜäöüß]+(?:(?:_|-\s*)[A-Za-z0-9ÄÖÜäöüß]+)*")
_ENGLISH = frozenset(
    [
        "must",
        "shall",
        "should",
        "may",
        "required",
        "recommended",
        "optional",
        "prohibited",
        "forbidden",
        "obliged",
        "obligated",
        "mandatory",
    ]
)
_GERMAN = frozenset(
    [
        "muss",
        "müssen",
        "darf",
        "dürfen",
        "soll",
        "sollen",
        "sollte",
        "sollten",
        "verpflichtet",
        "untersagt",
        "verboten",
    ]
)
_BEFORE = 60
_AFTER = 80


@dataclass(frozen=True, slots=True)
class Missed:
    """A normative word that no candidate covers, and the words around it."""

    document: str
    start: int
    line: int
    word: str
    around: str

    def to_json(self) -> dict[str, Any]:
        return {
            "document": self.document,
            "start": self.start,
            "line": self.line,
            "word": self.word,
            "around": self.around,
        }


@dataclass(frozen=True, slots=True)
class Ledger:
    """How many normative words a text holds, and those that no candidate covers."""

    words: int
    missed: tuple[Missed, ...] = ()

    @property
    def coverage(self) -> float:
        """The share of normative words accounted for; 1.0 where there is none."""
        return 1.0 if not self.words else (self.words - len(self.missed)) / self.words


def take_stock(name: str, text: str, citations: Iterable[Citation], language: str = "en") -> Ledger:
    """Hold every normative word of ``text`` against the passages that candidates cite."""
    spans = _merged((one.start, one.end) for one in citations)
    starts = [start for start, _ in spans]
    words, missed = 0, []
    for match in _WORD.finditer(text):
        if not _normative(match.group(), language):
            continue
        words += 1
        position = bisect.bisect_right(starts, match.start()) - 1
        if position < 0 or match.end() > spans[position][1]:
            missed.append(_missed(name, text, match))
    return Ledger(words, tuple(missed))


def _normative(word: str, language: str) -> bool:
    if language == "de":
        return word.lower() in _GERMAN or (word.isupper() and word.lower() in _ENGLISH)
    return word.lower() in _ENGLISH


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _missed(name: str, text: str, match: re.Match[str]) -> Missed:
    around = " ".join(text[max(0, match.start() - _BEFORE) : match.end() + _AFTER].split())
    return Missed(name, match.start(), text.count("\n", 0, match.start()) + 1, match.group(), around)
