"""What must hold for every document read, whatever its format: checked on samples and on generated documents."""

from __future__ import annotations

import re

from agents.library.requirements.clauses import Clause, ClauseKind, DocumentText
from agents.library.requirements.reading.flow import fold

LINE_END = re.compile(r"\r\n|[\r\n\f\v\x85\u2028\u2029]")


def assert_clauses_hold(document: DocumentText, *, strict: bool) -> None:
    """``strict`` for formats without markup, where a clause's text is exactly its folded slice."""
    ids = [clause.id for clause in document.clauses]
    assert len(set(ids)) == len(ids)
    assert [clause.start for clause in document.clauses] == sorted(clause.start for clause in document.clauses)
    openers = set(ids)
    furniture = [clause for clause in document.clauses if clause.kind is ClauseKind.FURNITURE]
    for clause in document.clauses:
        assert 0 <= clause.start < clause.end <= len(document.text)
        assert clause.text
        assert clause.line == 1 + len(LINE_END.findall(document.text[: clause.start]))
        assert not clause.lead_in or clause.lead_in in openers
        assert clause.lead_in != clause.id
        if strict:
            assert fold(without_furniture(document, clause, furniture)) == clause.text
    assert_covered(document)


def without_furniture(document: DocumentText, clause: Clause, furniture: list[Clause]) -> str:
    words, place = [], clause.start
    for inner in furniture:
        if clause.start < inner.start and inner.end < clause.end:
            words.append(document.text[place : inner.start])
            place = inner.end
    return "".join([*words, document.text[place : clause.end]])


def assert_covered(document: DocumentText) -> None:
    """Every word lies in a clause, but for list marks, which a clause keeps as its number, and markup."""
    left = uncovered(document)
    assert left == [], left[:5]


def uncovered(document: DocumentText) -> list[str]:
    """The words in no clause, list marks and ids kept as numbers left out."""
    found = []
    place = 0
    numbers = {clause.number for clause in document.clauses} | {""}
    for clause in document.clauses:
        gap = document.text[place : max(place, clause.start)]
        found += [word for word in gap.split() if not is_mark(word, gap, numbers)]
        place = max(place, clause.end)
    return found + [word for word in document.text[place:].split() if not is_mark(word, "", numbers)]


def is_mark(word: str, gap: str, numbers: set[str]) -> bool:
    if not re.search(r"\w", word) or word in numbers or fold(gap).strip("[]:.)*_ `-") in numbers:
        return True
    return bool(re.fullmatch(r"[(\[]?(?:\d+(?:\.\d+)*|[A-Za-z]|[ivxlcIVXLC]+)[.)\]:]*|o", word))
