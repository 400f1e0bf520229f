"""An attempt at a step as its worker has it: what was claimed, what the agent returned, and what it used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Claim:
    """A step that this process holds the lease of."""

    id: UUID
    project_id: UUID
    phase_id: UUID
    key: str
    round: int
    position: int
    parent_id: UUID | None
    item: Any
    agent: str
    attempt: int
    failures: int
    timeout_seconds: float
    guarded: bool
    spec: dict[str, Any]
    looks: int = 0
    """How often no agent could take it, since one last did: it has begun once one does."""

    @property
    def paced_by(self) -> str:
        """By what the pace of its agents is known: the agent's name, or the capability that is asked for."""
        return self.agent or str(self.spec.get("capability", ""))


@dataclass(frozen=True, slots=True)
class Usage:
    """What an attempt used."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0


NOTHING = Usage()
"""Of an attempt that did not come to call its agent."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an agent returned, as JSON text, and what it used."""

    step: Claim
    result: str
    tokens_in: int
    tokens_out: int
    cost: float
    degraded: str | None = None
    """Where the result is a fallback's: whose, and why, as JSON text."""

    @property
    def usage(self) -> Usage:
        """What it used."""
        return Usage(self.tokens_in, self.tokens_out, self.cost)
