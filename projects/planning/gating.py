"""What a gate does, once every step of its phase is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

AT_THE_LIMIT = "at_the_limit"
"""The field of the content by which people choose what follows when no round is left."""
ACCEPT, AGAIN = "accept", "again"


@dataclass(frozen=True, slots=True)
class Quality:
    """What a quality condition said: ``otherwise`` is what to do where it was not met."""

    name: str
    met: bool
    otherwise: str
    detail: str = ""


class Verdict(Enum):
    """What follows."""

    PASS = "pass"  # noqa: S105 no secret
    ASK = "ask"
    REWORK = "rework"
    ESCALATE = "escalate"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class GateDecision:
    """What follows, and the conditions that decided it, in words."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()


def at_gate(
    quality: Sequence[Quality], *, asks: bool, iteration: int, max_iterations: int, on_exhausted: str = "fail"
) -> GateDecision:
    """Decide at the end of a phase's round: ``asks`` if the gate has an approval.

    ``iteration`` counts rounds of rework from 1; when none is left, ``on_exhausted`` says whether the project fails
    or others are asked.
    """
    unmet = [condition for condition in quality if not condition.met]
    for otherwise, verdict in (("fail", Verdict.FAIL), ("rework", Verdict.REWORK)):
        reasons = tuple(_in_words(condition) for condition in unmet if condition.otherwise == otherwise)
        if reasons:
            return _limited(GateDecision(verdict, reasons), iteration, max_iterations, on_exhausted)
    reasons = tuple(_in_words(condition) for condition in unmet)
    return GateDecision(Verdict.ASK if asks else Verdict.PASS, reasons)


def after_rejection(
    on_reject: str,
    reasons: tuple[str, ...],
    *,
    iteration: int,
    max_iterations: int,
    on_exhausted: str = "fail",
) -> GateDecision:
    """Decide after people said no; the arguments as of ``at_gate``."""
    verdict = Verdict.REWORK if on_reject == "rework" else Verdict.FAIL
    return _limited(GateDecision(verdict, reasons), iteration, max_iterations, on_exhausted)


def at_the_limit(choice: str, *, approved: bool, reasons: tuple[str, ...]) -> GateDecision:
    """Decide after people were asked because no round was left: ``choice`` is what those who approved chose."""
    if not approved:
        return GateDecision(Verdict.FAIL, reasons)
    return GateDecision(Verdict.REWORK if choice == AGAIN else Verdict.PASS, reasons)


def _limited(decision: GateDecision, iteration: int, max_iterations: int, on_exhausted: str) -> GateDecision:
    if decision.verdict is Verdict.REWORK and iteration >= max_iterations:
        limit = f"no round is left of {max_iterations}"
        verdict = Verdict.ESCALATE if on_exhausted == "escalate" else Verdict.FAIL
        return GateDecision(verdict, (*decision.reasons, limit))
    return decision


def _in_words(condition: Quality) -> str:
    return f"{condition.name} is not met{f': {condition.detail}' if condition.detail else ''}"
