"""Which statements say nearly the same: an exact join by Jaccard similarity of words, in about linear time.

Each statement is a set of word stems and word pairs, ordered from rare to common. Two sets that share at
least the fraction ``t`` of their union must share one of their first ``n - ceil(t n) + 1`` members, so that
only statements that share a rare word are ever compared (prefix filtering: Chaudhuri, Ganti, Kaushik, ICDE
2006; Bayardo, Ma, Srikant, WWW 2007).
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from agents.library.requirements.requirement import normalised

_SUFFIX = re.compile(r"(?:ing|ed|(?<![su])s)$")


def stems(statement: str) -> list[str]:
    """The words of a statement in order, without case, articles and the commonest endings."""
    return [stem(word) for word in normalised(statement).split()]


def stem(word: str) -> str:
    """ "closes", "closed", "closing" and "close" give "clos"; short words stay as they are."""
    return _SUFFIX.sub("", word).removesuffix("e") if len(word) > 4 else word.removesuffix("e")


def tokens(statement: str) -> frozenset[str]:
    """The stems of a statement's words, and its pairs of neighbouring words."""
    words = stems(statement)
    return frozenset(words) | {f"{left} {right}" for left, right in pairwise(words)}


def near_pairs(sets: Sequence[frozenset[str]], threshold: float) -> Iterator[tuple[int, int, float]]:
    """Pairs ``(earlier, later, similarity)`` of sets that are at least ``threshold`` alike, by their
    positions.

    Of sets that are equal only the first is compared with others: each later one is paired with that first
    one.
    """
    frequency = Counter(token for one in sets for token in one)
    rare_first = [sorted(one, key=lambda token: (frequency[token], token)) for one in sets]
    index: dict[str, list[int]] = defaultdict(list)
    first: dict[frozenset[str], int] = {}
    for position, ordered in enumerate(rare_first):
        if first.setdefault(sets[position], position) != position:
            yield first[sets[position]], position, 1.0
            continue
        prefix = ordered[: len(ordered) - math.ceil(threshold * len(ordered)) + 1]
        rivals = {other for token in prefix for other in index[token]}
        for other in sorted(rivals):
            likeness = jaccard(sets[other], sets[position])
            if likeness >= threshold:
                yield other, position, likeness
        for token in prefix:
            index[token].append(position)


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    """The share of two sets' union that both have; 0 where both are empty."""
    if not left or not right:
        return 0.0
    common = len(left & right)
    return common / (len(left) + len(right) - common)
