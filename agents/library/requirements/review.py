"""The dialogue between creator and validator over one part of a document.

Each candidate is checked; what can be mended goes back to the creator and is checked again, up to
``ROUNDS`` times. The number of times is kept on the requirement, and so is what was still wrong at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from agents.library.requirements.confidence import with_confidence
from agents.library.requirements.focus import Focus
from agents.library.requirements.opened import OpenDocument
from agents.library.requirements.requirement import Requirement, Severity, Status
from agents.library.requirements.revision import revise
from agents.library.requirements.validator import Verdict, validate

ROUNDS = 5


def review(candidates: Iterable[Requirement], document: OpenDocument, focus: Focus) -> tuple[Requirement, ...]:
    """All candidates, validated: each is rejected, failed, or waits to be integrated (``validating``)."""
    reviewed: list[Requirement] = []
    for candidate in candidates:
        if candidate.live:
            reviewed.extend(_talk(candidate, document, focus))
        else:
            reviewed.append(candidate)
    return tuple(reviewed)


def _talk(candidate: Requirement, document: OpenDocument, focus: Focus) -> Iterator[Requirement]:
    """One candidate's rounds; a compound one goes on as several, each with its own."""
    verdict = validate(candidate, document)
    if verdict.rejection is not None:
        yield candidate.rejected(verdict.rejection.code, verdict.rejection.reason)
        return
    if not verdict.mend:
        yield _settled(candidate, verdict)
        return
    if candidate.retries >= ROUNDS:
        yield _given_up(candidate, verdict)
        return
    successors = revise(replace(candidate, retries=candidate.retries + 1), verdict.mend, document, focus)
    if len(successors) == 1 and successors[0].statement == candidate.statement:
        yield _given_up(successors[0], verdict)
        return
    for successor in successors:
        yield from _talk(successor, document, focus)


def _settled(candidate: Requirement, verdict: Verdict) -> Requirement:
    return with_confidence(replace(candidate, status=Status.VALIDATING, findings=verdict.findings))


def _given_up(candidate: Requirement, verdict: Verdict) -> Requirement:
    """Nothing more can be mended: it stands with its defects, unless one of them is major."""
    settled = _settled(candidate, verdict)
    if any(finding.severity is Severity.MAJOR for finding in verdict.findings):
        return replace(settled, status=Status.FAILED)
    return settled
