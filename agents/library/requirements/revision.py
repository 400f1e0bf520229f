"""The creator's answer to the validator: a candidate with the defects mended that can be mended.

A compound statement is taken apart; a subject that only points back is replaced by what it points at; a
missing subject is taken from the entry's term or the sentence before. What cannot be mended safely is left
as the document has it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from agents.library.requirements.clauses import Clause, ClauseKind
from agents.library.requirements.creator import Source, build, operative_words
from agents.library.requirements.focus import Focus
from agents.library.requirements.keywords import Family, KeyWord, key_words
from agents.library.requirements.opened import OpenDocument
from agents.library.requirements.requirement import Requirement
from agents.library.requirements.splitting import split
from agents.library.requirements.wording import capitalised, clean, parse

_PROSE = (ClauseKind.SENTENCE, ClauseKind.LIST_ITEM, ClauseKind.LEAD_IN)
_LONGEST_SUBJECT = 8
_LONGEST_MENDED = 3000


def revise(
    candidate: Requirement, mend: Sequence[str], document: OpenDocument, focus: Focus
) -> tuple[Requirement, ...]:
    """The candidate's successors: several where it was compound, itself unchanged where nothing could be
    done.
    """
    words = operative_words(document, candidate.statement)
    if not words:
        return (candidate,)
    if len(candidate.statement) > _LONGEST_MENDED:
        return (candidate,)
    if "compound" in mend:
        pieces = split(candidate.statement, [word for word in words if word.family is not Family.WEAK])
        if len(pieces) > 1:
            return tuple(_rebuilt(candidate, piece.statement, piece.word, document, focus) for piece in pieces)
    if "pronoun" in mend or "no_subject" in mend:
        return (_with_subject(candidate, words[0], document, focus),)
    return (candidate,)


def _rebuilt(
    candidate: Requirement, statement: str, word: KeyWord, document: OpenDocument, focus: Focus
) -> Requirement:
    source = Source(statement, word, candidate.citation, candidate.context)
    made = build(document, source, focus)
    return replace(made, retries=candidate.retries, status=candidate.status)


def _with_subject(candidate: Requirement, word: KeyWord, document: OpenDocument, focus: Focus) -> Requirement:
    """The statement with the subject of the sentence before, if that is plain."""
    subject = _subject_before(candidate, document)
    parsed = parse(candidate.statement, word)
    if not subject or not _agree(parsed.subject, subject):
        return _with_context(candidate, document)
    opening = f"{parsed.condition}, " if parsed.condition else ""
    head = capitalised(f"{opening}{subject if not opening else subject[0].lower() + subject[1:]} ")
    statement = head + candidate.statement[word.start :]
    moved = replace(word, start=len(head), end=len(head) + len(word.text))
    return _rebuilt(candidate, statement, moved, document, focus)


def _agree(pronoun: str, subject: str) -> bool:
    """Whether a personal pronoun can stand for a subject: number agrees. "This" may point at a whole
    sentence.
    """
    plural = bool(re.search(r"(?:[^s]s|\sand\s.*)$", subject)) or " and " in subject
    word = pronoun.lower()
    return (word in {"it", "he", "she", "er", "es"} and not plural) or (word == "they" and plural)


def _with_context(candidate: Requirement, document: OpenDocument) -> Requirement:
    """The candidate with the sentence before it cited too: what its pronoun points at stands there."""
    clause = _clause_at(document, candidate.citation.start)
    previous = document.before(clause) if clause else None
    if clause is None or previous is None or candidate.context or previous.section != clause.section:
        return candidate
    return replace(candidate, context=document.cite(previous))


def _subject_before(candidate: Requirement, document: OpenDocument) -> str:
    clause = _clause_at(document, candidate.citation.start)
    previous = document.before(clause) if clause else None
    if clause is None or previous is None or previous.section != clause.section or previous.kind not in _PROSE:
        return ""
    sentence = clean(previous.text)
    words = key_words(sentence, document.conventions.language)
    parsed = parse(sentence, words[0]) if words else None
    plain = parsed and not parsed.pronoun and 0 < len(parsed.subject.split()) <= _LONGEST_SUBJECT
    return parsed.subject if parsed and plain else ""


def _clause_at(document: OpenDocument, start: int) -> Clause | None:
    return next((clause for clause in document.clauses if clause.start == start), None)
