"""What a reviewer is shown before the requirements are published: the figures, and the statements to doubt
first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.library.requirements.figures import figures_of
from agents.library.requirements.integration import Integrated
from agents.library.requirements.ledger import Ledger
from agents.library.requirements.requirement import Requirement, Status

_MOST_DOUBTFUL = 25
_DOUBTFUL_BELOW = 0.75
_MOST_MISSED = 50


def summary_of(integrated: Integrated, books: Mapping[str, Ledger], verified: float) -> dict[str, Any]:
    """The figures that the gate decides by, and the evidence that the approver reads.

    ``coverage`` and ``citations_verified`` are shares (1.0 is all). ``acceptance`` is the share of the
    candidates that state a rule and were accepted: integrated / (integrated + failed + rejected by the
    validator).
    """
    words = sum(book.words for book in books.values())
    missed = [one for book in books.values() for one in book.missed]
    return {
        "coverage": 1.0 if not words else (words - len(missed)) / words,
        "citations_verified": verified,
        "acceptance": _acceptance(integrated),
        "accepted": len(integrated.accepted),
        "figures": figures_of(integrated.requirements),
        "ledger": {
            "words": words,
            "missed_words": len(missed),
            "missed": [one.to_json() for one in missed[:_MOST_MISSED]],
        },
        "doubtful": [_doubt(one) for one in _doubtful(integrated)],
    }


_BY_VALIDATOR = frozenset({"citation", "no_binding_word", "no_action"})


def _acceptance(integrated: Integrated) -> float:
    refused = sum(
        1
        for one in integrated.requirements
        if one.status is Status.FAILED or (one.rejection and one.rejection.code in _BY_VALIDATOR)
    )
    stated = len(integrated.accepted) + refused
    return round(len(integrated.accepted) / stated, 4) if stated else 0.0


def _doubtful(integrated: Integrated) -> list[Requirement]:
    """Contradicted ones first, then the least sure."""
    doubted = [
        one
        for one in integrated.accepted
        if one.confidence < _DOUBTFUL_BELOW or any(finding.code == "contradiction" for finding in one.findings)
    ]
    doubted.sort(key=lambda one: (not any(f.code == "contradiction" for f in one.findings), one.confidence, one.id))
    return doubted[:_MOST_DOUBTFUL]


def _doubt(one: Requirement) -> dict[str, Any]:
    opposed = [finding.message for finding in one.findings if finding.code == "contradiction"]
    return {
        "id": one.id,
        "statement": one.statement,
        "confidence": one.confidence,
        "why": [*opposed, *one.doubts],
        "source": one.citation.place(),
    }
