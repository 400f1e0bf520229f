"""What the desk gives to those who ask: admissions, refusals, standings, and reports of changes."""

from __future__ import annotations

from dataclasses import dataclass

from agents.resilience.guarding import Barrier
from agents.resilience.rules import Rules
from agents.resilience.states import CircuitState


@dataclass(frozen=True, slots=True)
class Admitted:
    """A place with an agent, and in a project. ``place`` names its holder: worker, agent, project, number.

    ``generation`` of the circuit in which the call was let through; ``shared`` is False for what a process decided by
    itself while Redis was away.
    """

    agent_id: str
    project_id: str
    place: str
    rules: Rules
    project_places: int
    generation: int
    probe: bool
    shared: bool = True


@dataclass(frozen=True, slots=True)
class Refused:
    """The agent may not be called now; ``retry_after`` in seconds, jittered, so that those who wait do not come back
    together."""

    kind: Barrier
    why: str
    retry_after: float


@dataclass(frozen=True, slots=True)
class Standing:
    """How an agent stands, as it was read at most the cache's bound ago.

    ``open``: its circuit lets nothing through now; ``full``: its ``running`` calls reach its ``limit``; ``paused_for``
    seconds it asks to be left alone; ``rate`` calls a second it gets at most, None for any number.
    """

    state: CircuitState = CircuitState.CLOSED
    open: bool = False
    full: bool = False
    running: int = 0
    limit: int = 0
    paused_for: float = 0.0
    rate: float | None = None
    generation: int = 0

    @property
    def takes_calls(self) -> bool:
        """Whether it is a candidate: neither open, nor full, nor paused."""
        return not (self.open or self.full or self.paused_for > 0)


@dataclass(frozen=True, slots=True)
class Change:
    """An agent's circuit changed."""

    agent_id: str
    before: CircuitState
    after: CircuitState
    why: str


@dataclass(frozen=True, slots=True)
class Order:
    """What an operator said of an agent's circuit: forced open, forced closed, or closed for leaving it to itself.

    ``version`` grows with each order of an agent.
    """

    agent_id: str
    state: CircuitState
    version: int
    why: str
