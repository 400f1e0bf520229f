"""What is gathered, and what comes of it: values that JSON can hold where they are kept."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from orchestrator_site.history.canonical import canonical_data


class Verdict(StrEnum):
    """How a gathering stands."""

    WAITING = "waiting"
    ENOUGH = "enough"
    IMPOSSIBLE = "impossible"


class Stragglers(StrEnum):
    """What is done with those who have not answered when the quorum has."""

    ABANDON = "abandon"
    """The result is made at once; later answers are not looked at."""
    AWAIT = "await"
    """They are waited for until the deadline."""


class Absence(StrEnum):
    """Why an agent is not in the result."""

    FAILED = "failed"
    LATE = "late"
    NOT_NEEDED = "not_needed"
    """It was not waited for, because the others were enough."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An agent that was asked. ``weight`` counts where an aggregation weighs answers; not negative."""

    agent: str
    name: str = ""
    weight: float = 1.0


@dataclass(frozen=True)
class Answered:
    """An answer. ``arrived`` counts answers from 0; nothing but ``first`` goes by it."""

    agent: str
    name: str
    value: Any
    weight: float = 1.0
    arrived: int = 0

    @functools.cached_property
    def form(self) -> bytes:
        """The canonical JSON of the value: equal for equal values, however they were written."""
        return canonical_form(self.value)


@dataclass(frozen=True, slots=True)
class Missing:
    """An agent that is not in the result, and why."""

    agent: str
    name: str
    kind: Absence
    why: str

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"agent": self.agent, "name": self.name, "kind": self.kind.value, "why": self.why}


@dataclass(frozen=True, slots=True)
class Combined:
    """What an aggregation makes of answers: the value, what a person should know of it, and figures or conflicts."""

    value: Any
    notes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gathered:
    """The result of a scatter: the value, who answered, who did not and why.

    ``complete``: all who were asked answered. ``degraded``: somebody who was waited for failed or was late, so that
    the value is made of less than was wanted.
    """

    value: Any
    aggregation: str
    quorum: int
    answered: tuple[str, ...]
    missing: tuple[Missing, ...]
    notes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether everybody who was asked is in it."""
        return not self.missing

    @property
    def degraded(self) -> bool:
        """Whether it is made of less than was wanted."""
        return any(one.kind is not Absence.NOT_NEEDED for one in self.missing)

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it: what a step keeps as its result."""
        return {
            "value": self.value,
            "aggregation": self.aggregation,
            "quorum": self.quorum,
            "complete": self.complete,
            "degraded": self.degraded,
            "answered": list(self.answered),
            "missing": [one.to_json() for one in self.missing],
            "notes": list(self.notes),
            "details": dict(self.details),
        }


def canonical_form(value: Any) -> bytes:
    """The canonical JSON of a value. Raises ``ValueError`` or ``TypeError`` where it is none."""
    return canonical_data(json.dumps(value, allow_nan=False))


def is_number(value: Any) -> bool:
    """Whether a value is a JSON number; ``true`` is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def heaviest(answers: Sequence[Answered]) -> Answered:
    """The answer of the agent that weighs most; of equals the one that was asked first."""
    return max(answers, key=lambda answer: answer.weight)
