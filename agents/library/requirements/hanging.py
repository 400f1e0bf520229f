"""Entries that hang under a term: "client_id: REQUIRED. The client identifier …" says of whom only by its
place.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from agents.library.requirements.clauses import Clause, ClauseKind
from agents.library.requirements.keywords import Family, key_words
from agents.library.requirements.opened import OpenDocument
from agents.library.requirements.wording import ended

if TYPE_CHECKING:
    from agents.library.requirements.creator import Source

_QUOTE = "[\"'“”\u2018\u2019`]?"
_DASH = r"\s*(?:[:\u2014\u2013-]\s*)?$"
_TERM = re.compile(rf"^{_QUOTE}(?P<term>[A-Za-z_][\w.-]*(?:\s[\w.-]+){{0,2}}){_QUOTE}{_DASH}")
_TERM_BEFORE_STATUS = re.compile(rf"^{_QUOTE}(?P<term>[A-Za-z_][\w.-]*){_QUOTE}{_DASH}")
_BARE_SUBJECT = re.compile(
    r"^(?:The\s+|Its\s+)?(?P<what>value|parameter|field|attribute|element|header)s?\s+$", re.IGNORECASE
)
_OTHERWISE = re.compile(r"^otherwise,?\s+$", re.IGNORECASE)
_NOUN = re.compile(
    r"\b(parameter|header|field|attribute|element|property|option|argument|claim|member)s?\b", re.IGNORECASE
)
_NUMBERING = re.compile(r"[A-Za-z]|[ivxlc]+|\d[\d.]*")
_FURTHEST_TERM = 6
_LONGEST_DESCRIPTION = 45


def named_statement(document: OpenDocument, clause: Clause, source: Source) -> Source:
    """``source`` with its subject named, where it hangs under a term; otherwise as it is."""
    head = source.statement[: source.word.start]
    if _OTHERWISE.match(head) and (term := term_above(document, clause)):
        return _otherwise(document, clause, source, term)
    in_head = _TERM_BEFORE_STATUS.match(head.strip())
    if source.word.family is Family.STATUS and (not head.strip() or in_head):
        term = term_above(document, clause) or (in_head.group("term") if in_head else "")
        return _entry(document, clause, source, term) if term else source
    bare = _BARE_SUBJECT.match(head)
    if bare and clause.kind is ClauseKind.LIST_ITEM and (term := term_above(document, clause)):
        what = bare.group("what").lower()
        of = "value of " if what == "value" else ""
        noun = _noun_above(document, clause) if what == "value" else what
        opening = f'The {of}{noun} "{term}"{_place(clause)} '.replace("  ", " ")
        return _reworded(source, opening, source.statement[source.word.start :])
    return source


def _otherwise(document: OpenDocument, clause: Clause, source: Source, term: str) -> Source:
    """The other half of "OPTIONAL, if …; otherwise, REQUIRED": what it is other than stands before, and is cited."""
    previous = document.before(clause)
    context = document.cite(previous) if previous else None
    noun = _noun_above(document, clause)
    opening = f'Otherwise, the {noun} "{term}"' if noun else f'Otherwise, "{term}"'
    rest = source.statement[source.word.start :]
    return _reworded(replace(source, context=context), f"{opening}{_place(clause)} is ", rest)


def _entry(document: OpenDocument, clause: Clause, source: Source, term: str) -> Source:
    """An entry's status with its term, and what the next sentence says the entry is."""
    rest = source.statement[source.word.start :]
    citation = source.citation
    described = _description(document, clause) if re.fullmatch(r"\W*", rest[len(source.word.text) :]) else None
    if described is not None:
        rest = f"{source.word.text}: {ended(described.text)}"
        citation = document.cite(clause, described)
    noun = _noun_above(document, clause)
    opening = f'The {noun} "{term}"' if noun else f'"{term}"'
    return _reworded(replace(source, citation=citation), f"{opening}{_place(clause)} is ", rest)


def _description(document: OpenDocument, clause: Clause) -> Clause | None:
    """The sentence after an entry's status, where it only describes."""
    position = document.index[clause.id] + 1
    following = document.clauses[position] if position < len(document.clauses) else None
    if following is None or following.kind is not ClauseKind.LIST_ITEM or document.opens_item(following):
        return None
    binds = key_words(following.text, document.conventions.language)
    return None if binds or len(following.text.split()) > _LONGEST_DESCRIPTION else following


def _place(clause: Clause) -> str:
    return f" ({clause.section})" if clause.section else ""


def _noun_above(document: OpenDocument, clause: Clause) -> str:
    """What the list's opening calls its entries: "the following parameters" makes each a parameter."""
    for opener in reversed(document.lead_ins(clause)):
        if match := _NOUN.search(opener.text):
            return match.group(1).lower()
    return ""


def _reworded(source: Source, opening: str, rest: str) -> Source:
    start = len(opening) + rest.find(source.word.text)
    word = replace(source.word, start=start, end=start + len(source.word.text))
    return replace(source, statement=ended(opening + rest), word=word)


def term_above(document: OpenDocument, clause: Clause) -> str:
    """The term an entry hangs under: its number, its list's opening, or the short line before its first
    sentence.
    """
    candidates = [clause.number, *(one.text for one in reversed(document.lead_ins(clause)))]
    position = document.index[clause.id]
    for earlier in reversed(document.clauses[max(0, position - _FURTHEST_TERM) : position]):
        if earlier.section != clause.section or earlier.kind is ClauseKind.HEADING:
            break
        candidates.append(_opening_term(earlier.text))
    return next((found for text in candidates if (found := _as_term(text))), "")


def _opening_term(text: str) -> str:
    """The term in "client_id REQUIRED." or in a line of its own."""
    status = r"(?:REQUIRED|OPTIONAL|RECOMMENDED)\b"
    opened = re.match(rf"^\s*{_QUOTE}([A-Za-z_][\w.-]*){_QUOTE}\s*[:\u2014\u2013-]?\s*{status}", text)
    return opened.group(1) if opened else text


def _as_term(text: str) -> str:
    match = _TERM.match(text.strip())
    if match is None or text.strip().endswith(".") or _NUMBERING.fullmatch(match.group("term")):
        return ""
    return match.group("term")
