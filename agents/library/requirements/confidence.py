"""How sure it is that a statement is a requirement and is read rightly: 1 less what each doubt takes away.

The amounts are a judgement, set so that an unmended compound or a pronoun shows below 0.8 and that several
smells together fall below one half; they order statements for a reader, they are no probability.
"""

from __future__ import annotations

from dataclasses import replace

from agents.library.requirements.requirement import Modality, Requirement, RequirementType, Severity

_OF_SEVERITY = {Severity.NOTE: 0.03, Severity.MINOR: 0.1, Severity.MAJOR: 0.3}
_OF_CODE = {"compound": 0.2, "pronoun": 0.25}
_LOWER_CASE_MAY = 0.15
_NO_TYPE = 0.05
_LEAST = 0.05


def with_confidence(requirement: Requirement) -> Requirement:
    """The requirement with its confidence (0.05 to 1) and the doubts that lower it."""
    doubts = [(_OF_CODE.get(one.code, _OF_SEVERITY[one.severity]), _named(one.code)) for one in requirement.findings]
    if requirement.modality is Modality.MAY and not requirement.keyword.isupper():
        doubts.append((_LOWER_CASE_MAY, f"'{requirement.keyword}' may describe rather than permit"))
    if requirement.type is RequirementType.FUNCTIONAL and not requirement.type_evidence:
        doubts.append((_NO_TYPE, "functional only because no other type was recognised"))
    left = 1.0 - sum(amount for amount, _ in doubts)
    return replace(requirement, confidence=round(max(_LEAST, left), 2), doubts=tuple(text for _, text in doubts))


def _named(code: str) -> str:
    return code.replace("_", " ")
