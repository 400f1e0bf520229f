"""What becomes of an event whose delivery failed. Pure.

A delivery is one try at having an event handled. Deliveries are counted where they fail, and before each try that is
known to be a repeated one: so an event that takes its process down is counted too, and ends with the dead letters.
"""

from __future__ import annotations

from dataclasses import dataclass

TOO_MANY = "too_many_deliveries"
REFUSED = "refused"
UNREADABLE = "unreadable"
NO_HANDLER = "no_handler"


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and how soon: ``max_deliveries`` tries, with ``base`` s after the first, doubled up to ``cap`` s."""

    max_deliveries: int = 5
    base: float = 0.5
    cap: float = 30.0


@dataclass(frozen=True, slots=True)
class Deliver:
    """It is to be handled, now."""


@dataclass(frozen=True, slots=True)
class Again:
    """It is to be tried again, after so many seconds."""

    after: float


@dataclass(frozen=True, slots=True)
class Bury:
    """It goes to the dead letters, for this reason."""

    reason: str


def before_delivery(deliveries: int, policy: Policy) -> Deliver | Bury:
    """Whether the delivery that would be number ``deliveries`` is to happen. The last one may have killed us."""
    return Bury(TOO_MANY) if deliveries > policy.max_deliveries else Deliver()


def after_failure(deliveries: int, policy: Policy, *, refused: bool) -> Again | Bury:
    """What follows when delivery number ``deliveries`` has failed; ``refused`` where the handler wants no other."""
    if refused:
        return Bury(REFUSED)
    if deliveries >= policy.max_deliveries:
        return Bury(TOO_MANY)
    return Again(min(policy.cap, policy.base * 2.0 ** (deliveries - 1)))
