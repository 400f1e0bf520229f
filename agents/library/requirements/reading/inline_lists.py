"""Enumerations that run on within a sentence: "… shall: (a) keep a log; (b) sign it; and (c) store it."."""

from __future__ import annotations

import re

from .flow import Span
from .marks import Mark, mark_of

_INNER = re.compile(
    r"(?:(?<=[:;,—\u2013])|(?<=[;,]\sand)|(?<=[;,]\sor)|(?<=[;,]\sund)|(?<=[;,]\soder))\s+(?=\((?:[a-z]|[ivx]+|\d)\)\s)"
)
_LONGEST = 6_000

Inline = tuple[Span, list[tuple[Mark, Span]]]


def inline_items(passage: str, sentence: Span) -> Inline | None:
    """The lead-in and the marked parts of a sentence that enumerates after a colon; None for any other sentence."""
    start, end = sentence
    if end - start > _LONGEST or ":" not in passage[start:end]:
        return None
    marks = [
        (found.end(), mark)
        for found in _INNER.finditer(passage, start, end)
        if (mark := mark_of(passage[found.end() : found.end() + 60]))
    ]
    if len(marks) < 2 or not _counts_up([mark for _, mark in marks]):
        return None
    lead_end = _trim(passage, start, marks[0][0])
    if passage[lead_end - 1] != ":":
        return None
    ends = [place for place, _ in marks[1:]] + [end]
    parts = [
        (mark, (place + mark.width, _trim(passage, place, stop)))
        for (place, mark), stop in zip(marks, ends, strict=True)
    ]
    return (start, lead_end), parts


def _counts_up(marks: list[Mark]) -> bool:
    first = marks[0]
    if first.ordinal != 1:
        return False
    ordinals = [
        mark.as_letter().ordinal if mark.style != first.style and mark.label.isalpha() else mark.ordinal
        for mark in marks
    ]
    return ordinals == list(range(1, len(marks) + 1))


def _trim(passage: str, start: int, end: int) -> int:
    return start + len(passage[start:end].rstrip())
