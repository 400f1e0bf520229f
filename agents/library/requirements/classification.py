"""The type of a statement, with the words that decided it."""

from __future__ import annotations

import re
from functools import lru_cache

from agents.library.requirements.lexicon import LEAST, LEXICON, OF_LEGAL_TEXT, SECTION_SHARE
from agents.library.requirements.requirement import RequirementType

_COMPILED = {
    kind: tuple((re.compile(pattern, re.IGNORECASE), weight) for pattern, weight in rows)
    for kind, rows in LEXICON.items()
}
_MOST_EVIDENCE = 4
_EXAMPLES = re.compile(r"\s*\((?:e\.\s?g\.|for\s+example|such\s+as)[^()]*\)", re.IGNORECASE)


def scores(statement: str, section: str = "") -> dict[RequirementType, tuple[float, tuple[str, ...]]]:
    """The weight that the words give each type, and those words; types without any are left out."""
    found: dict[RequirementType, tuple[float, tuple[str, ...]]] = {}
    heading = _heading_scores(section)
    statement = _EXAMPLES.sub("", statement)
    for kind, rows in _COMPILED.items():
        total, evidence = 0.0, []
        for pattern, weight in rows:
            if match := pattern.search(statement):
                total += weight
                evidence.append(" ".join(match.group().split())[:60])
        if total and kind in heading:
            total += heading[kind]
            evidence.append(f"section: {section}"[:60])
        if total:
            found[kind] = (total, tuple(evidence))
    return found


@lru_cache(maxsize=2048)
def _heading_scores(section: str) -> dict[RequirementType, float]:
    """What a section's heading says; it supports what the statement says and never decides alone."""
    return {
        kind: SECTION_SHARE * max(weights)
        for kind, rows in _COMPILED.items()
        if (weights := [weight for pattern, weight in rows if pattern.search(section)])
    }


def classify(statement: str, section: str = "", *, legal_text: bool = False) -> tuple[RequirementType, tuple[str, ...]]:
    """The type that the most weight speaks for, with the words; functional where no type reaches the least
    weight.
    """
    found = scores(statement, section)
    if legal_text:
        weight, evidence = found.get(RequirementType.LEGAL, (0.0, ()))
        found[RequirementType.LEGAL] = (weight + OF_LEGAL_TEXT, (*evidence, "an article of a legal text"))
    best = max(found.items(), key=lambda item: item[1][0], default=None)
    if best is None or best[1][0] < LEAST:
        return RequirementType.FUNCTIONAL, ()
    return best[0], best[1][1][:_MOST_EVIDENCE]
