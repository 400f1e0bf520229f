"""The validator: checks one candidate against its document and against the rules of good requirements.

Its verdict names what is wrong, what of that the creator can mend, and what cannot stand. What makes a
candidate unacceptable is this and nothing else: a citation that the document does not bear out, no binding
word in the statement, no action. Smells lower the confidence; a standard may be full of them and still
bind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agents.library.requirements.judgement import judge
from agents.library.requirements.keywords import Family, KeyWord, key_words
from agents.library.requirements.opened import OpenDocument
from agents.library.requirements.requirement import Citation, Finding, Rejection, Requirement, Severity
from agents.library.requirements.smells import smells
from agents.library.requirements.wording import parse

_POINTING = re.compile(
    r"(?:such|this|these|those|that|the\s+(?:above|said|same))\s+"
    r"(?!regulation|directive|document|specification|standard|article|section|chapter|agreement|licen[cs]e|act\b)\w",
    re.IGNORECASE,
)
_EXPLETIVE = re.compile(r"^It\s+\w+\s+(?:not\s+)?be\s+(?:as\s+|so\s+)?\w+\s+(?:to|that|for)\b")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a validator says of one candidate.

    ``mend`` are codes that the creator can act on (``compound``, ``pronoun``, ``no_subject``);
    ``rejection`` is set where nothing can be mended.
    """

    findings: tuple[Finding, ...] = ()
    mend: tuple[str, ...] = ()
    rejection: Rejection | None = None


def validate(candidate: Requirement, document: OpenDocument) -> Verdict:
    """Check a candidate; the document is read again for its citation."""
    if (wrong := _citation_defect(candidate, document)) is not None:
        return Verdict(rejection=wrong)
    words = binding_words(candidate.statement, document)
    if not words:
        return Verdict(rejection=Rejection("no_binding_word", "The statement holds no word that binds anyone."))
    if not _says_what(candidate.statement, words[0]):
        return Verdict(rejection=Rejection("no_action", "The statement breaks off before it says what has to be done."))
    mend = _defects(candidate, words)
    findings = (*smells(candidate.statement), *_pointing(candidate, words), *mend)
    return Verdict(findings, tuple(finding.code for finding in mend))


def _pointing(candidate: Requirement, words: tuple[KeyWord, ...]) -> tuple[Finding, ...]:
    """A subject such as "such schemes": clear enough in its place, less so by itself."""
    subject = parse(candidate.statement, words[0]).subject
    if not _POINTING.match(subject):
        return ()
    text = f"'{subject}' may point at something named before it."
    return (Finding("reference", text, Severity.NOTE, subject),)


def _says_what(statement: str, word: KeyWord) -> bool:
    """Whether something follows a word that asks for a verb."""
    asks_for_verb = word.family in (Family.MODAL, Family.WEAK) or word.text.lower().endswith(" to")
    return not asks_for_verb or any(character.isalnum() for character in statement[word.end :])


def citation_holds(citation: Citation, document: OpenDocument) -> bool:
    """Whether the document holds the quoted words, verbatim, at the place cited."""
    return citation.quote != "" and document.text.text[citation.start : citation.end] == citation.quote


def binding_words(statement: str, document: OpenDocument) -> tuple[KeyWord, ...]:
    """The key words of a statement that bind, by the conventions of its document."""
    words = key_words(statement, document.conventions.language)
    return tuple(word for word in words if judge(statement, word, document.conventions) is None)


def _citation_defect(candidate: Requirement, document: OpenDocument) -> Rejection | None:
    for citation in filter(None, (candidate.citation, candidate.context)):
        if not citation_holds(citation, document):
            return Rejection("citation", f"The words cited are not in {citation.document} at {citation.start}.")
    source = candidate.citation.quote + (candidate.context.quote if candidate.context else "")
    if candidate.keyword.lower().split()[-1] not in source.lower():
        return Rejection("citation", f"The passage cited does not hold the word {candidate.keyword!r}.")
    return None


def _defects(candidate: Requirement, words: tuple[KeyWord, ...]) -> list[Finding]:
    """Defects of form, each of which the creator can try to mend."""
    found = []
    main = [word for word in words if word.family is not Family.WEAK]
    if len(main) > 1:
        text = "It states more than one requirement: " + ", ".join(word.text for word in main) + "."
        found.append(Finding("compound", text, Severity.MINOR, " … ".join(word.text for word in main)))
    parsed = parse(candidate.statement, words[0])
    if not parsed.subject:
        found.append(Finding("no_subject", "It does not say who or what is bound.", Severity.MAJOR))
    elif parsed.points_back and not parsed.condition and not _EXPLETIVE.match(candidate.statement):
        text = f"'{parsed.subject}' points at something that is not in the statement."
        found.append(Finding("pronoun", text, Severity.MINOR, parsed.subject))
    return found
