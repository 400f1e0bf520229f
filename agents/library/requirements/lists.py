"""Lists whose items are alternatives or conditions: they are one requirement with their opening, not one
each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.library.requirements.wording import ended, stem_of, unmarked, without_tail

_ALTERNATIVES = re.compile(
    r"\b(?:at\s+least\s+one|one\s+or\s+more|any(?:\s+one)?|either|one|whichever)\s+of\s+(?:the|these|those)\s+"
    r"(?:following|conditions|cases|ways|alternatives|options|methods)\b"
    r"|\b(?:if|where|when|unless|except|provided\s+that|whether)(?:\s+(?!must|shall|should|may)\w+){0,3}\s*:\s*$"
    r"|\b(?:in|under|for)\s+(?:any\s+of\s+)?the\s+following\s+(?:\w+\s+)?(?:cases|conditions|circumstances|situations)\b"
    r"|\bfollowing\s+(?:cases|conditions|circumstances|alternatives|options)\b",
    re.IGNORECASE,
)


def announces_alternatives(lead_in: str) -> bool:
    """Whether the items after a lead-in are alternatives or conditions of one rule ("one of the following
    applies:").
    """
    return bool(_ALTERNATIVES.search(" ".join(lead_in.split())))


def merged_alternatives(lead_in: str, items: Sequence[str]) -> str:
    """One statement from a lead-in and all its items."""
    told = "; ".join(without_tail(unmarked(item)).rstrip(".") for item in items)
    return ended(f"{stem_of(lead_in)}: {told}")
