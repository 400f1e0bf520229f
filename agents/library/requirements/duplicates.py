"""Duplicates among the requirements of one run, and those that are much alike.

Two statements are duplicates where all their words of meaning are the same, about the same subject and in much the same
order; a different number, name, binding force or negation makes them different however alike they look.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agents.library.requirements.meaning import Meaning, meaning_of
from agents.library.requirements.requirement import Requirement, normalised
from agents.library.requirements.similarity import near_pairs

SAME_ORDER = 0.5
"""The share of neighbouring words that two wordings of one statement have in common, at the least."""
MUCH_ALIKE = 0.8
"""The share of words of meaning that makes two statements worth reading side by side."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two requirements by their positions, ``later`` after ``earlier`` in document order, and what ties them."""

    earlier: int
    later: int
    likeness: float
    reason: str


def duplicates(requirements: Sequence[Requirement]) -> tuple[Pair, ...]:
    """Exact and near duplicates; each later one appears once, tied to the first that says the same."""
    first_of: dict[object, list[int]] = {}
    wordings: dict[str, int] = {}
    meanings = [meaning_of(one) for one in requirements]
    found = []
    for position, one in enumerate(requirements):
        same = wordings.setdefault(normalised(one.statement), position)
        if same != position:
            found.append(Pair(same, position, 1.0, "the same words"))
            continue
        meaning = meanings[position]
        kept = first_of.setdefault((one.modality, meaning.signs, meaning.content, meaning.subject), [])
        if (pair := _first_in_order(meanings, kept, position)) is not None:
            found.append(pair)
        else:
            kept.append(position)
    return tuple(found)


def _first_in_order(meanings: Sequence[Meaning], kept: Sequence[int], position: int) -> Pair | None:
    for earlier in kept:
        likeness = _order(meanings[earlier], meanings[position])
        if likeness >= SAME_ORDER:
            return Pair(earlier, position, round(likeness, 3), "other words, the same meaning")
    return None


def _order(left: Meaning, right: Meaning) -> float:
    together = left.pairs | right.pairs
    return len(left.pairs & right.pairs) / len(together) if together else 1.0


def much_alike(requirements: Sequence[Requirement]) -> Iterator[Pair]:
    """Pairs of the same binding force that differ in little: not duplicates, but worth reading side by side."""
    sets = [meaning_of(one).content for one in requirements]
    for earlier, later, likeness in near_pairs(sets, MUCH_ALIKE):
        if requirements[earlier].modality is requirements[later].modality:
            yield Pair(earlier, later, round(likeness, 3), f"{likeness:.0%} of the words")
