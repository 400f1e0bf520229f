"""Duplicates and contradictions among the requirements of one run.

Two statements are duplicates where they read the same but for wording; a different number, name, binding
force or negation makes them different however alike they look. They contradict each other where one demands
or allows what the other forbids, or where they bound the same quantity differently.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agents.library.requirements.keywords import key_words
from agents.library.requirements.requirement import Modality, Requirement, normalised
from agents.library.requirements.similarity import near_pairs, stems, tokens

NEAR_DUPLICATE = 0.8
SAME_SUBJECT_MATTER = 0.75

_SIGNS = re.compile(
    r"\d+(?:\.\d+)*|\"[^\"]+\"|\b\w+_\w+\b|\b(?:not|no|never|without|unless|except|only|public|confidential)\b"
)
_QUANTITY = re.compile(
    r"(?P<number>\d+(?:[.,]\d+)*)\s*(?P<unit>%|percent|ms|milliseconds?|seconds?|minutes?|hours?|days?|weeks?|months?|years?|"
    r"characters?|bytes?|[kmg]b|users?|times?|attempts?|clicks?|degrees?|bits?)",
    re.IGNORECASE,
)
_NOT = re.compile(r"\b(?:not|never)\b\s*", re.IGNORECASE)
_FUNCTION_WORDS = frozenset(
    [
        "of",
        "to",
        "in",
        "on",
        "at",
        "for",
        "by",
        "with",
        "from",
        "and",
        "or",
        "be",
        "is",
        "are",
        "as",
        "that",
        "this",
        "these",
        "it",
        "its",
        "their",
        "any",
        "all",
        "each",
        "every",
        "must",
        "shall",
        "should",
        "may",
        "will",
        "can",
        "also",
        "only",
        "then",
        "such",
        "which",
        "who",
        "has",
        "have",
        "been",
        "do",
        "does",
        "via",
        "per",
    ]
)
_FORBIDS = (Modality.MUST_NOT, Modality.SHOULD_NOT)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two requirements by their positions, ``later`` after ``earlier`` in document order, and what ties
    them.
    """

    earlier: int
    later: int
    likeness: float
    reason: str


def duplicates(requirements: Sequence[Requirement]) -> tuple[Pair, ...]:
    """Exact and near duplicates; each later one appears once, tied to the first that says the same."""
    found: dict[int, Pair] = {}
    for pair in _exact(requirements):
        found.setdefault(pair.later, pair)
    sets = [tokens(one.statement) for one in requirements]
    for earlier, later, likeness in near_pairs(sets, NEAR_DUPLICATE):
        if later not in found and earlier not in found and _same_signs(requirements[earlier], requirements[later]):
            reason = f"nearly the same words ({likeness:.0%})"
            found[later] = Pair(earlier, later, round(likeness, 3), reason)
    return tuple(sorted(found.values(), key=lambda pair: pair.later))


def _exact(requirements: Sequence[Requirement]) -> list[Pair]:
    seen: dict[str, int] = {}
    pairs = []
    for position, one in enumerate(requirements):
        first = seen.setdefault(normalised(one.statement), position)
        if first != position:
            pairs.append(Pair(first, position, 1.0, "the same words"))
    return pairs


def _same_signs(left: Requirement, right: Requirement) -> bool:
    """Whether nothing that changes the meaning differs: numbers, quoted names, negations, binding force."""
    if left.modality is not right.modality:
        return False
    return _signs(left) == _signs(right) and _content(left) == _content(right)


def _content(one: Requirement) -> frozenset[str]:
    """The stems that carry meaning: a single other one ("access token", "refresh token") makes another
    statement.
    """
    return frozenset(word for word in stems(one.statement) if word not in _FUNCTION_WORDS)


def _signs(one: Requirement) -> list[str]:
    return sorted(match.lower() for match in _SIGNS.findall(one.statement))


def contradictions(requirements: Sequence[Requirement]) -> tuple[Pair, ...]:
    """Pairs that cannot both hold: opposite demands on the same matter, or different bounds on the same
    quantity.
    """
    sets = [tokens(_without_modality(one)) for one in requirements]
    found = []
    for earlier, later, likeness in near_pairs(sets, SAME_SUBJECT_MATTER):
        reason = _conflict(requirements[earlier], requirements[later])
        if reason:
            found.append(Pair(earlier, later, round(likeness, 3), reason))
    return tuple(found)


def _without_modality(one: Requirement) -> str:
    """A statement without its binding words, and with its quantities masked: other numbers are names of
    something.
    """
    words = key_words(one.statement)
    text = one.statement
    for word in reversed(words):
        text = text[: word.start] + text[word.end :]
    return _QUANTITY.sub(r"# \g<unit>", _NOT.sub("", text))


def _conflict(left: Requirement, right: Requirement) -> str:
    """Why two statements about the same matter cannot both hold; empty where they can."""
    if (left.modality in _FORBIDS) != (right.modality in _FORBIDS):
        if _content_signs(left) == _content_signs(right):
            return f"one says {_spoken(left)}, the other {_spoken(right)}"
        return ""
    if Modality.MAY in (left.modality, right.modality):
        return ""
    mine, other = _quantities(left), _quantities(right)
    if len(mine) == len(other) == 1 and mine != other and mine[0][1] == other[0][1]:
        return f"one bounds it by {' '.join(mine[0])}, the other by {' '.join(other[0])}"
    return ""


def _content_signs(one: Requirement) -> list[str]:
    return [sign for sign in _signs(one) if sign not in {"not", "never", "no"}]


def _spoken(one: Requirement) -> str:
    return one.modality.value.replace("_", " ")


def _quantities(one: Requirement) -> list[tuple[str, str]]:
    return [(match["number"], match["unit"].lower().rstrip("s")) for match in _QUANTITY.finditer(one.statement)]
