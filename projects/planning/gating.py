"""What a gate does, once every step of its phase is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


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
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class GateDecision:
    """What follows, and the conditions that decided it, in words."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()


def at_gate(quality: Sequence[Quality], *, asks: bool, round_number: int, max_iterations: int) -> GateDecision:
    """Decide at the end of a phase's round: ``asks`` if the gate has an approval."""
    unmet = [condition for condition in quality if not condition.met]
    for otherwise, verdict in (("fail", Verdict.FAIL), ("rework", Verdict.REWORK)):
        reasons = tuple(_in_words(condition) for condition in unmet if condition.otherwise == otherwise)
        if reasons:
            return _limited(GateDecision(verdict, reasons), round_number, max_iterations)
    reasons = tuple(_in_words(condition) for condition in unmet)
    return GateDecision(Verdict.ASK if asks else Verdict.PASS, reasons)


def after_rejection(
    on_reject: str, reasons: tuple[str, ...], *, round_number: int, max_iterations: int
) -> GateDecision:
    """Decide after people said no."""
    verdict = Verdict.REWORK if on_reject == "rework" else Verdict.FAIL
    return _limited(GateDecision(verdict, reasons), round_number, max_iterations)


def _limited(decision: GateDecision, round_number: int, max_iterations: int) -> GateDecision:
    if decision.verdict is Verdict.REWORK and round_number >= max_iterations:
        limit = f"no round is left of {max_iterations}"
        return GateDecision(Verdict.FAIL, (*decision.reasons, limit))
    return decision


def _in_words(condition: Quality) -> str:
    return f"{condition.name} is not met{f': {condition.detail}' if condition.detail else ''}"
