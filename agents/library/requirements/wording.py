"""The wording of a statement: cleaning it, finding its subject and action, joining it to a lead-in, naming
it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agents.library.requirements.keywords import Family, KeyWord

_MARKER = re.compile(
    r"^\s*(?:[-*•◦‣o+]\s+|\(?(?:\d{1,3}|[a-z]|[ivxlc]{1,5})[.)]\s+|\((?:\d{1,3}|[a-z]{1,2}|[ivxlc]{1,5})\)\s*)"
)
_CONNECTIVE = re.compile(
    r"^(?:(?:However|Therefore|Thus|Hence|Additionally|In addition|Furthermore|Moreover|Also|Consequently|"
    r"Accordingly|Similarly|Likewise|Finally|Nevertheless|Instead|Note that|Note|And|But),?\s+)+",
)
_BROKEN_WORD = re.compile(
    r"(?<=[a-z])- (?=[a-z])"
    r"(?!(?:and|or|und|oder|must|shall|should|may|will|can|is|are|has|have|muss|soll|darf)\b)"
)
_BRACKETED = re.compile(r"^\(([^()]*)\)\.?$")
_TAIL = re.compile(r"\s*[;,:]?\s*(?:\b(?:and|or|und|oder))?\s*$")
_CLAUSE_OPENERS = (
    r"if|when|whenever|where|while|unless|since|because|although|though|before|after|until|once|upon|"
    r"prior to|in|on|at|for|to|as|with|without|by|"
    r"during|within|instead|except|given|under|from|depending|based|per|"
    r"notwithstanding|provided|pursuant"
)
_OPENS_WITH_CLAUSE = re.compile(rf"^(?:{_CLAUSE_OPENERS})\b", re.IGNORECASE)
_RELATIVE = re.compile(r"(?P<head>[^,;()]*?)[,\s]+(?:which|that|who)\s*$", re.IGNORECASE)
_THEN = re.compile(r"^then\s+(?:as\s+a\s+consequence\s+)?", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:the|a|an|any|each|every|all|such|der|die|das|ein|eine)\s+", re.IGNORECASE)
_ACTION_END = re.compile(r"[,;:.(]\s|[.;:,]$|\s(?:and|or|which|that|if|when|unless|where|because|so that)\s")
_PRONOUN = re.compile(r"^(?:it|they|this|these|those|that|he|she|such|both|er|sie|es|dies\w*)$", re.IGNORECASE)

_PARENTHESIS = re.compile(r"\s*\([^()]*(?:\)|$)")

TITLE_LENGTH = 72


@dataclass(frozen=True, slots=True)
class Parsed:
    """A sentence around its key word: ``condition`` (the leading clause), ``subject`` and ``action``."""

    condition: str
    subject: str
    action: str

    @property
    def pronoun(self) -> bool:
        """Whether the subject only points at something said before."""
        return bool(_PRONOUN.match(self.subject))

    @property
    def points_back(self) -> bool:
        """Whether the subject is a pronoun, or names something by one ("their values")."""
        return self.pronoun or bool(re.match(r"(?:its|their|his|her)\s", self.subject, re.IGNORECASE))


def clean(text: str) -> str:
    """A clause's text as a sentence: without list marker and opening connective, with a capital letter."""
    return capitalised(_CONNECTIVE.sub("", _BRACKETED.sub(r"\1", unmarked(text))))


def unmarked(text: str) -> str:
    """A clause's text without its list marker, white space folded, words that a line end broke put
    together.
    """
    return _BROKEN_WORD.sub("-", _MARKER.sub("", " ".join(text.split()), count=1).strip())


def capitalised(text: str) -> str:
    """``text`` with a capital first letter; an identifier such as ``access_token`` stays as it is."""
    first = text.split(" ", 1)[0]
    return text if not text or re.search(r"[_\d.]", first.rstrip(".,;:")) else text[0].upper() + text[1:]


def without_tail(text: str) -> str:
    """A list item without the "; and" that ties it to the next."""
    return _TAIL.sub("", text.strip()).strip()


def ended(text: str) -> str:
    """``text`` as a sentence, ended by a full stop."""
    text = re.sub(r"\s+(?=[.,;]|\s)", "", text.rstrip(" ,;:"))
    return text if text.endswith((".", "!", "?")) else text + "."


def stem_of(lead_in: str) -> str:
    """A lead-in without its colon, ready to be completed: "The client MUST:" gives "The client MUST"."""
    return re.sub(r"\s*[:\u2014\u2013-]+\s*$", "", clean(lead_in))


def joined(lead_in: str, item: str) -> str:
    """One sentence from a lead-in and one of its items.

    An opening that ends with its verb is completed directly; one that announces ("the following
    parameters") keeps its colon before what it announces.
    """
    stem = stem_of(lead_in)
    tail = without_tail(unmarked(item))
    direct = not re.search(r"\b(?:following|below|(?:these|those)\s+\w+$)", stem, re.IGNORECASE)
    if direct and tail[:1].isupper() and not _keeps_capital(tail):
        tail = tail[0].lower() + tail[1:]
    return ended(f"{stem} {tail}" if direct else f"{stem}: {tail}")


def _keeps_capital(text: str) -> bool:
    first = text.split(" ", 1)[0]
    return sum(letter.isupper() for letter in first) > 1 or not first[:1].isalpha()


def parse(statement: str, word: KeyWord) -> Parsed:
    """Find the parts of a statement around one of its key words."""
    before = _CONNECTIVE.sub("", statement[: word.start]).strip()
    condition, subject = _split_condition(before)
    if relative := _RELATIVE.match(subject):
        subject = relative.group("head").strip() or subject
    if word.family is Family.STATUS:
        subject = re.sub(r"\s+(?:is|are|be)(?:\s+\w+ly)?$", "", subject)
    after = statement[word.end :].strip(" :")
    end = _ACTION_END.search(after, 12)
    return Parsed(condition, _THEN.sub("", subject).strip(" ,;:"), after[: end.start()] if end else after.rstrip(" ."))


def _split_condition(before: str) -> tuple[str, str]:
    segments = re.split(r",\s+(?![^(]*\))", before)
    if len(segments) < 2 or not _OPENS_WITH_CLAUSE.match(segments[0]):
        return "", segments[-1] if len(segments) > 1 and not segments[0] else before
    return ", ".join(segments[:-1]), segments[-1]


def title_of(statement: str, word: KeyWord) -> str:
    """A short name: subject and action, at most 72 characters, cut at a word."""
    parsed = parse(statement, word)
    subject = _ARTICLE.sub("", parsed.subject)
    negation = "not " if word.modality.value.endswith("_not") and word.family is Family.MODAL else ""
    action = _named_action(word, parsed.action) or statement
    action = _PARENTHESIS.sub("", action)
    name = capitalised(f"{subject}: {negation}{action}" if subject else f"{negation}{action}")
    return shortened(name)


def _named_action(word: KeyWord, action: str) -> str:
    """The action of a title; a phrase such as "is entitled to" is part of it."""
    if word.family is Family.STATUS:
        return word.text.lower()
    if word.family is Family.PHRASE and (phrase := re.match(r"(?:is|are|be)\s+(.*)", word.text, re.IGNORECASE)):
        return f"{phrase.group(1)} {action}".strip()
    return action


def shortened(text: str, length: int = TITLE_LENGTH) -> str:
    """``text`` within ``length`` characters, cut between words."""
    if len(text) <= length:
        return text
    return text[: length - 1].rsplit(" ", 1)[0].rstrip(" ,;:(") + "…"
