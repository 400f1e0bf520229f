"""Normative words: where they stand in a sentence, and how binding each one is.

The words are those of RFC 2119, of ISO/IEC/IEEE 29148 (shall, should, may), of statutes (is obliged to, is
entitled to, is prohibited), and the basic German ones (muss, soll, darf nicht, hat … zu).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from agents.library.requirements.requirement import Modality


class Family(StrEnum):
    """How a normative word works in its sentence."""

    MODAL = "modal"
    """An auxiliary between a subject and a verb: the server MUST answer."""
    STATUS = "status"
    """A predicate or an attribute: the value is REQUIRED."""
    PHRASE = "phrase"
    """A verbal phrase: the processor is obliged to assist."""
    WEAK = "weak"
    """Binds only in a list of requirements: the system will, the user can."""


@dataclass(frozen=True, slots=True)
class KeyWord:
    """A normative word in a sentence, ``start`` and ``end`` being offsets in that sentence."""

    start: int
    end: int
    text: str
    modality: Modality
    family: Family

    @property
    def capital(self) -> bool:
        """Whether it is written in capitals, as RFC 2119 asks for; "MUST only" and "is REQUIRED to" are."""
        return any(word.isupper() and len(word) > 1 for word in self.text.split())


# Not inside a word, an identifier (is_required) or a compound (must-have); emphasis and slashes bound it.
_NOT_BEFORE = r"(?<![A-Za-z0-9ÄÖÜäöüß])(?<![A-Za-z0-9][_-])"
_NOT_AFTER = r"(?![A-Za-z0-9ÄÖÜäöüß]|[_-][A-Za-z0-9])"
_ADVERB = r"(?:also|therefore|thus|then|in\s+no\s+(?:case|event)|under\s+no\s+circumstances)\s+"

_ENGLISH: tuple[tuple[str, Modality, Family], ...] = (
    (
        rf"(?:must|shall|may)\s+(?:{_ADVERB})?(?:not|never|neither)(?!\s+only)(?!\s+be\s+(?:required|obliged|obligated)\s+to)",
        Modality.MUST_NOT,
        Family.MODAL,
    ),
    (r"(?:must|shall)\s+not\s+be\s+(?:required|obliged|obligated)\s+to", Modality.MAY, Family.MODAL),
    (rf"should\s+(?:{_ADVERB})?(?:not|never)(?!\s+only)", Modality.SHOULD_NOT, Family.MODAL),
    (r"(?:may|shall|must)\s+only", Modality.MUST, Family.MODAL),
    (r"(?:must|shall)", Modality.MUST, Family.MODAL),
    (r"should", Modality.SHOULD, Family.MODAL),
    (r"ought\s+to", Modality.SHOULD, Family.MODAL),
    (r"(?:need|required?)\s+not(?=\s+(?:be|[a-z]+)\b)", Modality.MAY, Family.MODAL),
    (r"not\s+recommended", Modality.SHOULD_NOT, Family.STATUS),
    (
        r"(?:is|are|be)\s+(?:not\s+(?:permitted|allowed|authori[sz]ed)\s+to|(?:strictly\s+)?(?:prohibited|forbidden))",
        Modality.MUST_NOT,
        Family.PHRASE,
    ),
    (r"(?:do|does)\s+not\s+(?:have|need)\s+to", Modality.MAY, Family.PHRASE),
    (r"(?:is|are)\s+not\s+(?:required|obliged|obligated)\s+to", Modality.MAY, Family.PHRASE),
    (r"(?:is|are|remains?)\s+(?:also\s+)?(?:required|obliged|obligated)\s+to", Modality.MUST, Family.PHRASE),
    (r"(?:is|are)\s+(?:also\s+)?entitled\s+to", Modality.MAY, Family.PHRASE),
    (r"(?:is|are)\s+(?:mandatory|compulsory)", Modality.MUST, Family.PHRASE),
    (r"(?:has|have|needs?|had|needed)\s+to", Modality.MUST, Family.PHRASE),
    (r"required", Modality.MUST, Family.STATUS),
    (r"prohibited|forbidden", Modality.MUST_NOT, Family.STATUS),
    (r"recommended", Modality.SHOULD, Family.STATUS),
    (r"optional", Modality.MAY, Family.STATUS),
    (r"may", Modality.MAY, Family.MODAL),
    (r"(?:obliged|obligated|mandatory)", Modality.MUST, Family.STATUS),
    (r"entitled", Modality.MAY, Family.STATUS),
    (r"(?:cannot|can\s+not)", Modality.MUST_NOT, Family.WEAK),
    (r"can", Modality.MAY, Family.WEAK),
    (r"will\s+(?:not|never)", Modality.MUST_NOT, Family.WEAK),
    (r"will", Modality.MUST, Family.WEAK),
)

_GERMAN: tuple[tuple[str, Modality, Family], ...] = (
    (r"(?:darf|dürfen)\s+(?:nur|ausschließlich)", Modality.MUST, Family.MODAL),
    (r"(?:darf|dürfen)(?=\s[^.;]*?\b(?:nicht|kein\w*|niemals)\b)", Modality.MUST_NOT, Family.MODAL),
    (r"(?:darf|dürfen)", Modality.MAY, Family.MODAL),
    (r"(?:muss|müssen)", Modality.MUST, Family.MODAL),
    (r"(?:soll(?:te)?n?)(?=\s[^.;]*?\b(?:nicht|kein\w*)\b)", Modality.SHOULD_NOT, Family.MODAL),
    (r"(?:soll(?:te)?n?)", Modality.SHOULD, Family.MODAL),
    (r"(?:ist|sind)\s+(?:\w+\s+)?verpflichtet", Modality.MUST, Family.PHRASE),
    (r"(?:ist|sind)\s+(?:untersagt|verboten|unzulässig)", Modality.MUST_NOT, Family.PHRASE),
    (r"(?:hat|haben)(?=\s[^.;]*?\bzu\s+[a-zäöüß]+en\b)", Modality.MUST, Family.PHRASE),
    (r"(?:ist|sind)(?=\s[^.;,]*?\bzu\s+[a-zäöüß]+en\b)", Modality.MUST, Family.PHRASE),
)


def _compiled(rows: tuple[tuple[str, Modality, Family], ...]) -> re.Pattern[str]:
    groups = "|".join(f"(?P<k{index}>{pattern})" for index, (pattern, _, _) in enumerate(rows))
    return re.compile(f"{_NOT_BEFORE}(?:{groups}){_NOT_AFTER}", re.IGNORECASE)


_TABLES = {"en": (_ENGLISH, _compiled(_ENGLISH)), "de": (_GERMAN, _compiled(_GERMAN))}


def key_words(sentence: str, language: str = "en") -> tuple[KeyWord, ...]:
    """The normative words of a sentence, from left to right; English ones are looked for in any document."""
    found = _matches(sentence, "en")
    if language == "de":
        found = _matches(sentence, "de") + [word for word in found if word.capital]
    return tuple(sorted(found, key=lambda word: word.start))


def _matches(sentence: str, language: str) -> list[KeyWord]:
    rows, pattern = _TABLES[language]
    found = []
    for match in pattern.finditer(sentence):
        _, modality, family = rows[int(str(match.lastgroup)[1:])]
        found.append(KeyWord(match.start(), match.end(), match.group(), modality, family))
    return found
