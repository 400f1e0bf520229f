"""What a step degrades to when its agent cannot do it, and how its result says so."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Cause(StrEnum):
    """Why a step degrades."""

    FAILED = "failed"  # its last attempt failed
    NO_AGENT = "no_agent"  # every agent refused for longer than the step waits
    TIMED_OUT = "timed_out"  # its time was over


@dataclass(frozen=True, slots=True)
class OtherAgent:
    """Another agent, by name; ``causes`` for which it is asked."""

    name: str
    causes: frozenset[Cause] = frozenset(Cause)


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that JSON can hold; ``causes`` for which it is given."""

    value: Any
    causes: frozenset[Cause] = frozenset(Cause)


Fallback = OtherAgent | Constant


@dataclass(frozen=True, slots=True)
class Degraded:
    """A result that is not what was asked for: ``value`` came ``by`` another agent, or "constant"; ``why`` for a
    person. The engine keeps ``mark`` beside the result."""

    value: Any
    by: str
    cause: Cause
    why: str

    @property
    def mark(self) -> dict[str, Any]:
        """What stands beside the result, as JSON holds it."""
        return {"degraded": True, "by": self.by, "cause": self.cause.value, "why": self.why}


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask this agent instead; its answer is degraded."""

    name: str


def degrade(
    fallbacks: Collection[Fallback], *, cause: Cause, why: str, tried: Collection[str] = ()
) -> Ask | Degraded | None:
    """The first fallback that is for this cause and was not ``tried``; None where the step fails as it stands.

    A ring of fallbacks ends, since no agent is asked twice.
    """
    for fallback in fallbacks:
        if cause not in fallback.causes:
            continue
        if isinstance(fallback, Constant):
            return Degraded(fallback.value, "constant", cause, why)
        if fallback.name not in tried:
            return Ask(fallback.name)
    return None


def degraded_by(name: str, value: Any, *, cause: Cause, why: str) -> Degraded:
    """The answer of the agent that was asked instead."""
    return Degraded(value, name, cause, why)
