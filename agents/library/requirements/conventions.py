"""How a document uses normative words: declared capitals (RFC 2119, RFC 8174), a list of requirements, its
language.

RFC 8174 section 2: where a document declares the key words, they have their special meaning only in
capitals. A document that declares nothing is read as ISO/IEC/IEEE 29148 does: shall and must bind in any
case of letters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from agents.library.requirements.clauses import ClauseKind, DocumentText

_DECLARATION = re.compile(
    r"key\s*words?.{0,400}?(?:2119|8174|interpreted\s+as|are\s+to\s+be\s+read)", re.IGNORECASE | re.DOTALL
)
_CAPITALS = re.compile(r"\b(?:MUST|SHALL|SHOULD|MAY|REQUIRED|RECOMMENDED|OPTIONAL)\b")
_LOWER = re.compile(r"\b(?:must|shall|should|may)\b")
_BINDING = re.compile(r"\b(?:shall|must|will|should)\b", re.IGNORECASE)
_GERMAN = re.compile(r"\b(?:der|die|das|und|ist|nicht|werden|eine|einer|oder|muss|müssen)\b", re.IGNORECASE)
_ENGLISH = re.compile(r"\b(?:the|and|is|not|are|of|or|to|be|with)\b", re.IGNORECASE)
_PROSE = frozenset({ClauseKind.SENTENCE, ClauseKind.LIST_ITEM, ClauseKind.LEAD_IN, ClauseKind.TABLE_CELL})
_LIST_LEAST = 5
_LEAST_WORDS = 5
_LIST_SHARE = 0.6
_ARTICLE = re.compile(r"(?:Article|Art\.|Artikel|§|Clause)\s*\d", re.IGNORECASE)
_FEWEST_ARTICLES = 3
_LEGALESE = re.compile(
    r"\b(?:hereby|herein|hereto|hereunder|thereof|therein|thereto|notwithstanding|licensors?|licensees?|indemnif\w+|"
    r"warrant(?:y|ies)|liable|liability|statut\w+|jurisdiction|supervisory\s+authority|lawful\w*|copyright\s+holders?)\b",
    re.IGNORECASE,
)
_LEGALESE_SHARE = 0.004
"""Measured: licences and statutes have 0.4 to 2 such words in a hundred, technical standards under 0.2."""


@dataclass(frozen=True, slots=True)
class Conventions:
    """How one document uses normative words.

    ``capitals_only``: declared key words that are used in capitals, so that lower-case ones do not bind.
    ``legal_text``: divided into articles or worded as law, so that what no other type claims is a legal duty.
    ``requirement_list``: nearly every sentence is a requirement, so that "will" and "can" bind as well.
    """

    declared: bool = False
    capitals: int = 0
    lower: int = 0
    requirement_list: bool = False
    legal_text: bool = False
    language: str = "en"

    @property
    def capitals_only(self) -> bool:
        return self.declared and self.capitals > 0

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "capitals_only": self.capitals_only}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**{name: value for name, value in data.items() if name != "capitals_only"})


def conventions_of(document: DocumentText, language: str = "auto") -> Conventions:
    """Read a document's conventions from its text; ``language`` is ``en``, ``de`` or ``auto``."""
    text = document.text
    declaration = _DECLARATION.search(text)
    return Conventions(
        declared=bool(declaration and _CAPITALS.search(text, *_around(declaration))),
        capitals=len(_CAPITALS.findall(text)),
        lower=len(_LOWER.findall(text)),
        requirement_list=_is_requirement_list(document),
        legal_text=_is_legal_text(document),
        language=_language_of(text) if language == "auto" else language,
    )


def _around(match: re.Match[str]) -> tuple[int, int]:
    return match.start(), match.end() + 400


def _is_requirement_list(document: DocumentText) -> bool:
    long_enough = (clause for clause in document.clauses if len(clause.text.split()) >= _LEAST_WORDS)
    prose = [clause for clause in long_enough if clause.kind in _PROSE]
    binding = sum(1 for clause in prose if _BINDING.search(clause.text))
    return len(prose) >= _LIST_LEAST and binding / len(prose) >= _LIST_SHARE


def _is_legal_text(document: DocumentText) -> bool:
    """Whether the document is divided into articles or paragraphs, as statutes and contracts are."""
    articles = {clause.section for clause in document.clauses if _ARTICLE.match(clause.section)}
    words = len(document.text.split())
    return len(articles) >= _FEWEST_ARTICLES or len(_LEGALESE.findall(document.text)) > words * _LEGALESE_SHARE


def _language_of(text: str) -> str:
    sample = text[:20_000]
    return "de" if len(_GERMAN.findall(sample)) > len(_ENGLISH.findall(sample)) else "en"
