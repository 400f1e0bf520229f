"""A run's requirements as its steps' results hold them: put together for the report, the graph and the
comparison.

The validators' results hold every candidate; the integrator's result holds what became of each, by position
in document order, so that no statement travels twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agents.library.requirements.edits import with_edits
from agents.library.requirements.integration import Integrated
from agents.library.requirements.requirement import Citation, Finding, Rejection, Requirement, Status


def reviewed(results: Mapping[str, Any], step: str = "validate", within: str = "requirements") -> list[Requirement]:
    """The candidates of a ``for_each`` step's results, in document order; those of unfinished items are
    left out.
    """
    parts = results.get(step) or ()
    done = sorted((part for part in parts if part), key=lambda part: (part["document"], part["part"]))
    return [Requirement.from_json(one) for part in done for one in part[within]]


def decisions_of(integrated: Integrated) -> list[dict[str, Any]]:
    """What integration decided, one entry a candidate in document order."""
    return [_decision(one) for one in integrated.requirements]


def _decision(one: Requirement) -> dict[str, Any]:
    decision: dict[str, Any] = {"key": one.key, "status": one.status.value}
    if one.id:
        decision["id"] = one.id
    if one.rejection and one.rejection.code in _BY_INTEGRATION:
        decision["rejection"] = {"code": one.rejection.code, "reason": one.rejection.reason}
    if one.also:
        decision["also"] = [[cited.document_id, cited.start] for cited in one.also]
    if opposed := [finding.to_json() for finding in one.findings if finding.code == "contradiction"]:
        decision["findings"] = opposed
    return decision


_BY_INTEGRATION = frozenset({"duplicate", "reviewer", "low_confidence", "recommendation"})


def settled(results: Mapping[str, Any]) -> list[Requirement]:
    """The requirements of a run as far as it has come: integrated where that is done, else validated, else
    created.
    """
    candidates = reviewed(results)
    decisions = (results.get("consolidate") or {}).get("decisions")
    if decisions is not None and len(decisions) == len(candidates):
        return with_edits(_with_decisions(candidates, decisions), (results.get("graph") or {}).get("decision") or {})
    return [*candidates, *_unvalidated(results)]


def _unvalidated(results: Mapping[str, Any]) -> list[Requirement]:
    done = {(part["document"], part["part"]) for part in results.get("validate") or () if part}
    left = [part for part in results.get("create") or () if part and (part["document"], part["part"]) not in done]
    return reviewed({"create": left}, "create", "candidates")


def _with_decisions(candidates: Sequence[Requirement], decisions: Iterable[Mapping[str, Any]]) -> list[Requirement]:
    cited = {(one.citation.document_id, one.citation.start): one.citation for one in candidates}
    return [_decided(one, decision, cited) for one, decision in zip(candidates, decisions, strict=True)]


def _decided(one: Requirement, decision: Mapping[str, Any], cited: Mapping[tuple[str, int], Citation]) -> Requirement:
    rejection = decision.get("rejection")
    opposed = tuple(Finding.from_json(finding) for finding in decision.get("findings", ()))
    return replace(
        one,
        key=decision["key"],
        id=decision.get("id", ""),
        status=Status(decision["status"]),
        rejection=Rejection(**rejection) if rejection else one.rejection,
        also=tuple(cited[document, start] for document, start in decision.get("also", ())),
        findings=(*one.findings, *opposed),
    )
