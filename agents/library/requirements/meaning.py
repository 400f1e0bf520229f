"""What a statement is about, apart from its wording: its words of meaning, subject, names and quantities."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agents.library.requirements.keywords import key_words
from agents.library.requirements.requirement import Requirement
from agents.library.requirements.similarity import stem, stems
from agents.library.requirements.wording import parse

_FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        "of to in on at for by with from and or be is are as that this these those it its their any all each every "
        "must shall should may will can also then such which who has have had been do does via per when if "
        "remain remains stay so only required obliged entitled need needs der die das ein eine und oder ist sind "
        "muss soll darf",
    )
)
_FUNCTION_STEMS = frozenset(stem(word) for word in _FUNCTION_WORDS)
_SAME_MEANING = {
    "notify": "inform alert",
    "show": "display present",
    "delete": "erase remove",
    "allow": "permit let",
    "begin": "start commence",
    "end": "stop terminate",
    "use": "utilize utilise employ",
}
_SAME = {stem(other): stem(word) for word, others in _SAME_MEANING.items() for other in others.split()}
_SIGNS = re.compile(
    r"\d+(?:\.\d+)*|\"[^\"]+\"|\b\w+_\w+\b|\b(?:not|no|never|without|unless|except|only|public|confidential)\b",
    re.IGNORECASE,
)
_NEGATIONS = frozenset({"not", "no", "never"})
_QUANTITY = re.compile(
    r"(?P<number>\d+(?:[.,]\d+)*)\s*(?P<unit>%|percent|ms|milliseconds?|seconds?|minutes?|hours?|days?|weeks?|months?|"
    r"years?|characters?|bytes?|[kmg]b|users?|times?|attempts?|clicks?|degrees?|bits?)(?!\w)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """``words``: stems that carry meaning, in order; ``subject``: those of the subject; ``signs``: numbers, quoted
    names, identifiers and negations, any of which makes another statement; ``quantities``: numbers with units.
    """

    words: tuple[str, ...]
    subject: frozenset[str]
    signs: tuple[str, ...]
    quantities: tuple[tuple[str, str], ...]

    @property
    def content(self) -> frozenset[str]:
        return frozenset(self.words)

    @property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """Neighbouring words: their order."""
        return frozenset(zip(self.words, self.words[1:], strict=False))

    @property
    def names(self) -> tuple[str, ...]:
        """The signs that name something: all but negations and the numbers of quantities."""
        numbers = {number for number, _ in self.quantities}
        return tuple(sign for sign in self.signs if sign not in _NEGATIONS and sign not in numbers)


def meaning_of(requirement: Requirement) -> Meaning:
    """The meaning of a requirement's statement."""
    statement = requirement.statement
    words = key_words(statement)
    subject = parse(statement, words[0]).subject if words else ""
    return Meaning(
        words=_content(statement),
        subject=frozenset(_content(subject)),
        signs=tuple(sorted(match.lower() for match in _SIGNS.findall(statement))),
        quantities=tuple((match["number"], _unit(match["unit"])) for match in _QUANTITY.finditer(statement)),
    )


def matter_of(requirement: Requirement) -> frozenset[str]:
    """What a statement is about whatever it demands of it: no binding word, no negation, quantities by unit alone."""
    text = requirement.statement
    for word in reversed(key_words(text)):
        text = text[: word.start] + text[word.end :]
    text = _QUANTITY.sub(lambda match: f" quantity{_unit(match['unit'])} ", text)
    return frozenset(word for word in _content(text) if word not in _NEGATIONS)


def _content(text: str) -> tuple[str, ...]:
    return tuple(_SAME.get(word, word) for word in stems(text) if word not in _FUNCTION_STEMS)


def _unit(unit: str) -> str:
    return "percent" if unit == "%" else unit.lower().rstrip("s")
