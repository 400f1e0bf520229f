"""Which agent gets a piece of work now: the registry's candidates, how they stand, and the strategy, put together."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Protocol

from agents.errors import NoAgentNow
from agents.routing import Candidates, Decision, LoadSource, Prepared, PreparedCache, Request, Sought, decide
from agents.routing.caching import Clock
from agents.routing.values import CIRCUIT_OPEN, NAMED_AT_MOST
from agents.values import Performer
from orchestrator_site.conf import conf

__all__ = ["Choice", "Registry", "Router", "Sought"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A decision, with the agents that it names as the registry told them when it was made."""

    decision: Decision
    prepared: Prepared

    @property
    def performers(self) -> tuple[Performer, ...]:
        """The chosen agents, in order of preference."""
        candidates = self.prepared.candidates
        return tuple(candidates.performers[candidates.index[one]] for one in self.decision.chosen)

    def took(self, agent: str) -> None:
        """The agent has admitted this work: it counts at once for this worker, before loads are read again."""
        self.prepared.book.took(agent)

    def gave_back(self, agent: str) -> None:
        """The work has ended."""
        self.prepared.book.gave_back(agent)


class Registry(Protocol):
    """Who knows the agents."""

    def version(self) -> int:
        """A number that grows whenever the answer of ``performers`` may be another; asked for every decision."""

    def performers(self, sought: Sought) -> tuple[Performer, ...]:
        """The agents that could do it: neither draining nor gone nor unhealthy."""


class Router:
    """Routing for one worker process and all of its threads.

    ``load_seconds``: how long loads that were read serve; 0: they are read for each decision; None: the setting.
    ``healthy_from``: agents whose health is lower are asked only where no other can take the work.
    ``default_places``: steps at once of an agent that says nothing; None: no limit.
    ``rng``: seeded, decisions are repeatable; None: no two workers march in step.
    """

    def __init__(
        self,
        registry: Registry,
        loads: LoadSource,
        *,
        load_seconds: float | None = None,
        healthy_from: float = 0.0,
        default_places: int | None = None,
        rng: random.Random | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._registry = registry
        self._healthy_from, self._default_places = healthy_from, default_places
        seconds = conf().route_load_seconds if load_seconds is None else load_seconds
        self._cache = PreparedCache(loads, seconds=seconds, rng=rng, clock=clock)

    def decide(self, sought: Sought, request: Request) -> Choice:
        """Who gets the work, in order of preference, with the reasons.

        Raises ``NoAgentNow`` where nobody can take it, with ``retry_after`` where that is known and the decision
        under ``decision``; and ``UnknownStrategy``.
        """
        choice = self.preview(sought, request)
        decision = choice.decision
        if not decision.chosen:
            waits = {} if decision.retry_after is None else {"retry_after": decision.retry_after}
            nobody = not decision.considered
            shut = _shut(decision)
            why = _nobody(sought) if nobody else _closed(shut) or f"No agent can take it now: {decision.sentence}."
            raise NoAgentNow(why, decision=decision.to_json(), nobody=nobody, shut=shut, **waits)
        return choice

    def preview(self, sought: Sought, request: Request) -> Choice:
        """The same, where nobody being able to take it is an answer too. Raises ``UnknownStrategy``."""
        version = self._registry.version()  # before the agents: what is kept is never older than it says
        prepared = self._cache.get(sought, version, lambda: self._prepare(sought, version))
        return Choice(decide(prepared.candidates, request, prepared.book.loads(), prepared.memory), prepared)

    def _prepare(self, sought: Sought, version: int) -> Candidates:
        return Candidates(
            self._registry.performers(sought),
            version=version,
            healthy_from=self._healthy_from,
            default_places=self._default_places,
        )


def _nobody(sought: Sought) -> str:
    if sought.name:
        return f"Agent {sought.name!r} takes no steps now: it drains, is unhealthy, or is gone."
    version = f" in version {sought.specifiers}" if sought.specifiers else ""
    return f"No agent is registered for capability {sought.capability!r}{version}, or none that takes steps."


def _shut(decision: Decision) -> list[str]:
    """The names of the agents, where the circuits of all are open; at most as many as a sentence names."""
    count, named = decision.omissions(NAMED_AT_MOST)
    return [one.name for one in named] if count and all(one.why == CIRCUIT_OPEN for one in named) else []


def _closed(shut: list[str]) -> str:
    if not shut:
        return ""
    if len(shut) == 1:
        return f"The circuit of {shut[0]}, the only agent that could take it, is open."
    return f"The circuits of {', '.join(shut)} are open, and no other agent could take it."
