"""What an agent is to the code that writes one: a function with a name, and the context it is called with."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from agents.errors import AgentNotFound, DuplicateAgent
from agents.parameters import AgentFunction, with_validated_params


class DocumentHandle(Protocol):
    """A document given to a project, as an agent sees it."""

    @property
    def id(self) -> str:
        """The document's id (UUIDv7, text)."""

    @property
    def name(self) -> str:
        """The file name, without any folder."""

    @property
    def media_type(self) -> str:
        """The media type found by looking at the content, such as ``application/pdf``."""

    @property
    def sha256(self) -> str:
        """The digest of the content, 64 hexadecimal digits."""

    def read(self) -> bytes:
        """The content, byte for byte as it was given."""


class AgentContext(Protocol):
    """What the engine hands to an agent for one attempt at one step. Each part is read when it is asked for."""

    @property
    def inputs(self) -> Mapping[str, Any]:
        """The project's inputs."""

    @property
    def params(self) -> Mapping[str, Any]:
        """The step's parameters, with their expressions evaluated."""

    @property
    def results(self) -> Mapping[str, Any]:
        """Results of the steps this one needs, by step key; of a ``for_each`` step, the list of its items' results."""

    @property
    def values(self) -> Mapping[str, Any]:
        """The design values."""

    @property
    def documents(self) -> Sequence[DocumentHandle]:
        """The documents given to the project."""

    @property
    def intent(self) -> str:
        """What is wanted, in words."""

    @property
    def project_id(self) -> str:
        """The project's id."""

    @property
    def step_key(self) -> str:
        """The step's key."""

    @property
    def rework(self) -> Sequence[str]:
        """The comments of those who sent the phase back, oldest first; empty in the first round."""

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt at this step: give it to a service that you change something at."""

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""

    @property
    def logger(self) -> logging.Logger:
        """Where to log."""

    def heartbeat(self, details: Mapping[str, Any] | None = None) -> None:
        """Say that the attempt is alive, and how far it is."""

    def cancelled(self) -> bool:
        """Whether the project was cancelled: stop soon, what you return will not count."""

    def cancelled_for(self) -> float | None:
        """Seconds since the attempt was told to stop, as far as is known without asking anybody; None: it was not."""

    def emit(self, kind: str, data: Mapping[str, Any] | None = None) -> None:
        """Add an event of your own to the project's history."""

    def record_usage(self, tokens_in: int = 0, tokens_out: int = 0, cost: float = 0.0) -> None:
        """Book what the attempt used: tokens, and cost in the project's currency."""


@dataclass(frozen=True, slots=True)
class AgentDefinition:
    """A registered Python agent."""

    name: str
    function: AgentFunction
    version: str = "1.0.0"
    capabilities: Mapping[str, str] = field(default_factory=dict)
    queue: str = "cpu"
    description: str = ""


_registered: dict[str, AgentDefinition] = {}


def agent(
    name: str,
    *,
    version: str = "1.0.0",
    capabilities: Mapping[str, str] | None = None,
    queue: str = "cpu",
) -> Callable[[AgentFunction], AgentFunction]:
    """Make a function an agent: ``@agent("market-research", queue="io")``.

    ``queue`` is ``cpu`` (a process of its own) or ``io`` (a thread). The function takes an ``AgentContext`` and
    returns what JSON can hold. With a second parameter annotated by a model of pydantic it gets the step's parameters
    as one. Raises ``DuplicateAgent`` where another function has the name already.
    """

    def register(function: AgentFunction) -> AgentFunction:
        known = _registered.get(name)
        if known is not None and known.function.__qualname__ != function.__qualname__:
            raise DuplicateAgent(f"Two functions are called agent {name!r}: name one of them otherwise.")
        doc = (function.__doc__ or "").strip().splitlines()
        _registered[name] = AgentDefinition(
            name, with_validated_params(function), version, dict(capabilities or {}), queue, doc[0] if doc else ""
        )
        return function

    return register


def find_agent(name: str) -> AgentDefinition:
    """The agent of that name. Raises ``AgentNotFound``, naming those that are near."""
    try:
        return _registered[name]
    except KeyError:
        raise AgentNotFound.named(name, _registered) from None


def own_agent(name: str) -> AgentDefinition | None:
    """The agent of that name of this process, if it has one: asked for every step."""
    return _registered.get(name)


def registered_agents() -> Mapping[str, AgentDefinition]:
    """All agents of this process, by name."""
    return dict(sorted(_registered.items()))
