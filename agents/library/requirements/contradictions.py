"""Contradictions among the requirements of one run.

Two statements contradict each other where, about the same subject and the same matter, one demands or allows what the
other forbids, or where they bound the same quantity differently. Which of the two holds is for a person to say.
"""

from __future__ import annotations

from collections.abc import Sequence

from agents.library.requirements.duplicates import Pair
from agents.library.requirements.meaning import Meaning, matter_of, meaning_of
from agents.library.requirements.requirement import Modality, Requirement
from agents.library.requirements.similarity import jaccard, near_pairs

SAME_MATTER = 0.75
SAME_SUBJECT = 0.5
_MOST_EXTRA_WORDS = 2
_FORBIDS = (Modality.MUST_NOT, Modality.SHOULD_NOT)


def contradictions(requirements: Sequence[Requirement]) -> tuple[Pair, ...]:
    """Pairs that cannot both hold, each with the reason."""
    matters = [matter_of(one) for one in requirements]
    found = []
    for earlier, later, likeness in near_pairs(matters, SAME_MATTER):
        if not _comparable(matters[earlier], matters[later]):
            continue
        reason = _conflict(requirements[earlier], requirements[later])
        if reason:
            found.append(Pair(earlier, later, round(likeness, 3), reason))
    return tuple(found)


def _comparable(left: frozenset[str], right: frozenset[str]) -> bool:
    """Whether one says all that the other says, and at most two words more: another word each, and they differ."""
    return (left <= right or right <= left) and len(left ^ right) <= _MOST_EXTRA_WORDS


def _conflict(left: Requirement, right: Requirement) -> str:
    """Why two statements about the same matter cannot both hold; empty where they can."""
    mine, other = meaning_of(left), meaning_of(right)
    if jaccard(mine.subject, other.subject) < SAME_SUBJECT or mine.names != other.names:
        return ""
    if (left.modality in _FORBIDS) != (right.modality in _FORBIDS):
        return "" if mine.quantities != other.quantities else f"one says {_spoken(left)}, the other {_spoken(right)}"
    if Modality.MAY in (left.modality, right.modality):
        return ""
    return _other_bound(mine, other)


def _other_bound(mine: Meaning, other: Meaning) -> str:
    if len(mine.quantities) != 1 or len(other.quantities) != 1:
        return ""
    (number, unit), (other_number, other_unit) = mine.quantities[0], other.quantities[0]
    if unit != other_unit or number == other_number:
        return ""
    return f"one bounds it by {number} {unit}, the other by {other_number} {other_unit}"


def _spoken(one: Requirement) -> str:
    return one.modality.value.replace("_", " ")
