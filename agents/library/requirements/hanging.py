"""Entries that hang under a term: "client_id — REQUIRED. The client identifier …" says whom only by its place."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from agents.library.requirements.clauses import Clause, ClauseKind
from agents.library.requirements.keywords import Family
from agents.library.requirements.opened import OpenDocument
from agents.library.requirements.wording import clean

if TYPE_CHECKING:
    from agents.library.requirements.creator import Source

_TERM = re.compile(r"^[\"'“`]?(?P<term>[A-Za-z_][\w.-]*(?:\s[\w.-]+){0,2})[\"'”`]?\s*(?:[:—–-]\s*)?$")
_TERM_BEFORE_STATUS = re.compile(r"^[\"'“`]?(?P<term>[A-Za-z_][\w.-]*)[\"'”`]?\s*(?:[:—–-]\s*)?$")
_BARE_VALUE = re.compile(
    r"^(?:The\s+)?(?P<what>value|parameter|field|attribute|element|header)s?\s+", re.IGNORECASE
)
_FURTHEST_TERM = 6


def named_statement(document: OpenDocument, clause: Clause, source: Source) -> Source:
    """``source`` with its subject named, where it hangs under a term; otherwise as it is."""
    head = source.statement[: source.word.start]
    opens_entry = source.word.family is Family.STATUS and (
        not head.strip() or _TERM_BEFORE_STATUS.match(head)
    )
    bare = _BARE_VALUE.match(source.statement)
    if not opens_entry and not (bare and clause.kind is ClauseKind.LIST_ITEM):
        return source
    in_head = _TERM_BEFORE_STATUS.match(head.strip())
    term = in_head.group("term") if opens_entry and in_head else term_above(document, clause)
    if not term:
        return source
    place = f" in {clause.section}" if clause.section else ""
    if opens_entry:
        return _reworded(source, f'"{term}"{place} is ', source.statement[source.word.start :])
    what = bare.group("what").lower() if bare else "value"
    rest = source.statement[bare.end() :] if bare else source.statement
    opening = f'The {what} of "{term}"{place} ' if what == "value" else f'The {what} "{term}"{place} '
    return _reworded(source, opening, rest)


def _reworded(source: Source, opening: str, rest: str) -> Source:
    offset = rest.find(source.word.text)
    start = len(opening) + offset
    word = replace(source.word, start=start, end=start + len(source.word.text))
    return replace(source, statement=opening + rest, word=word)


def term_above(document: OpenDocument, clause: Clause) -> str:
    """The term an entry hangs under: its list's opening, its number, or the short line before its first sentence."""
    chain = document.lead_ins(clause)
    candidates = [clause.number, *(one.text for one in reversed(chain))]
    position = document.index[clause.id]
    for earlier in reversed(document.clauses[max(0, position - _FURTHEST_TERM) : position]):
        if earlier.section != clause.section or earlier.kind is ClauseKind.HEADING:
            break
        candidates.append(_opening_term(earlier.text))
    return next((found for text in candidates if (found := _as_term(text))), "")


def _opening_term(text: str) -> str:
    """The term in "client_id REQUIRED." or in a line of its own."""
    opened = re.match(
        r"^\s*[\"'“`]?([A-Za-z_][\w.-]*)[\"'”`]?\s*[:—–-]?\s*(?:REQUIRED|OPTIONAL|RECOMMENDED)\b", text
    )
    return opened.group(1) if opened else clean(text)


def _as_term(text: str) -> str:
    match = _TERM.match(text.strip())
    if match is None or re.fullmatch(r"[a-z]|[ivxlc]+|\d[\d.]*", match.group("term")):
        return ""
    return "" if text.strip().endswith(".") else match.group("term")
