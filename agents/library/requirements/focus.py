"""What an intent asks to look at first: "Extract security requirements" puts security in focus.

A focus never drops a requirement. Everything normative is extracted; what is in focus is counted and comes
first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.library.requirements.classification import scores
from agents.library.requirements.lexicon import LEAST
from agents.library.requirements.relevance import gdpr_reason, gobd_reason
from agents.library.requirements.requirement import RequirementType

_WORDS: tuple[tuple[str, RequirementType], ...] = (
    (r"secur\w*|safety|attack\w*|threat\w*|sicherheit\w*", RequirementType.SECURITY),
    (r"legal\w*|law|complian\w+|regulat\w+|recht\w*", RequirementType.LEGAL),
    (r"perform\w*|speed|latency|throughput", RequirementType.PERFORMANCE),
    (r"availab\w+|uptime", RequirementType.AVAILABILITY),
    (r"reliab\w+|fault\w*|resilien\w+|robust\w*", RequirementType.RELIABILITY),
    (r"usab\w+|user\s+experience|accessib\w+", RequirementType.USABILITY),
    (r"look|appearance|design|branding", RequirementType.LOOK_AND_FEEL),
    (r"operation\w*|environment\w*", RequirementType.OPERATIONAL),
    (r"maintain\w*|maintenance", RequirementType.MAINTAINABILITY),
    (r"scal(?:e|ab)\w*|capacity", RequirementType.SCALABILITY),
    (r"portab\w+", RequirementType.PORTABILITY),
    (r"document(?:ation)", RequirementType.DOCUMENTATION),
    (r"interfaces?|API|protocol\w*", RequirementType.INTERFACE),
    (r"data\s+(?:model|format|type)\w*", RequirementType.DATA),
    (r"functional", RequirementType.FUNCTIONAL),
)
_ALL = re.compile(r"\b(?:all|every|any)\s+(?:the\s+)?requirements?\b", re.IGNORECASE)
_GDPR = re.compile(r"\b(?:GDPR|DSGVO|privacy|data\s+protection|Datenschutz)\b", re.IGNORECASE)
_GOBD = re.compile(r"\b(?:GoBD|bookkeeping|accounting|retention)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Focus:
    """The types in focus, and whether GDPR or GoBD relevance is; empty means that nothing is put first."""

    text: str = ""
    types: frozenset[RequirementType] = frozenset()
    gdpr: bool = False
    gobd: bool = False

    @property
    def empty(self) -> bool:
        return not (self.types or self.gdpr or self.gobd)

    def holds(self, kind: RequirementType, statement: str, section: str = "") -> bool:
        """Whether a statement is in focus: by its type, by a second type it has enough words of, by
        relevance.
        """
        if kind in self.types or (self.gdpr and gdpr_reason(statement)) or (self.gobd and gobd_reason(statement)):
            return True
        if not self.types:
            return False
        found = scores(statement, section)
        return any(found[one][0] >= LEAST for one in self.types if one in found)


def focus_of(text: str) -> Focus:
    """The focus that an intent or an input asks for, by the words it uses."""
    if not text.strip() or _ALL.search(text):
        return Focus(text)
    types = {kind for words, kind in _WORDS if re.search(rf"\b(?:{words})\b", text, re.IGNORECASE)}
    if re.search(r"\bnon-?functional\b", text, re.IGNORECASE):
        types = set(RequirementType) - {
            RequirementType.FUNCTIONAL,
            RequirementType.DATA,
            RequirementType.INTERFACE,
        }
    return Focus(text, frozenset(types), bool(_GDPR.search(text)), bool(_GOBD.search(text)))


def focus_for(inputs: Mapping[str, Any], intent: str) -> Focus:
    """The focus of a project: its input ``focus``, or else its intent."""
    return focus_of(str(inputs.get("focus") or intent))
