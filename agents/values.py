"""What routing, resilience and transports know of an agent and of the work it is given: values, no rows.

The registry reads rows into ``Performer``; everything that decides about agents takes these and stays pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from agents.states import AgentState


class TransportName(StrEnum):
    """How an agent is reached."""

    PYTHON = "python"
    HTTP = "http"
    LLM = "llm"


@dataclass(frozen=True, slots=True)
class Location:
    """Where an agent runs; latitude and longitude in degrees, both or none."""

    region: str = ""
    zone: str = ""
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class Performer:
    """A registered agent.

    ``capabilities`` from name to version; ``weight`` and ``priority`` as routing reads them, more is preferred;
    ``max_concurrency`` None for the default of its transport; ``cost_per_call`` in the project's currency; ``health``
    from 0.0 to 1.0, and ``load``, more where it takes more than it should; ``settings`` are those of its transport;
    ``state`` as the registry last read it.
    """

    id: str
    name: str
    version: str = "1.0.0"
    transport: TransportName = TransportName.PYTHON
    settings: Mapping[str, Any] = field(default_factory=dict)
    service_type: str = ""
    capabilities: Mapping[str, str] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    location: Location = Location()
    weight: float = 1.0
    priority: int = 0
    max_concurrency: int | None = None
    cost_per_call: float = 0.0
    health: float = 1.0
    load: float = 0.0
    state: AgentState = AgentState.HEALTHY


@dataclass(frozen=True, slots=True)
class Work:
    """One attempt at a step, as it is put to an agent.

    ``timeout`` in seconds from now; ``lease_token`` is what an agent that answers later names itself by;
    ``capability`` is what was asked for, where no agent was named; ``traceparent`` as W3C writes it.
    """

    project_id: str
    step_id: str
    step_key: str
    attempt: int
    idempotency_key: str
    params: Mapping[str, Any]
    timeout: float
    lease_token: str = ""
    capability: str | None = None
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """An agent's answer: what JSON can hold."""

    value: Any


@dataclass(frozen=True, slots=True)
class Accepted:
    """The agent has taken the work and will answer by its lease token; it is to be heard of within ``within`` s."""

    within: float


Answer = Done | Accepted
