"""How agents do: noting each call of one, and the report over all."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Avg, Count
from redis.client import Pipeline
from redis.exceptions import RedisError

from agents.models import Agent, Registry
from agents.services import pulses
from agents.services.pulses import NOTHING, Statistics
from agents.states import AgentState

__all__ = [
    "AgentHealth",
    "HealthReport",
    "Statistics",
    "health_report",
    "make_ready",
    "note",
    "note_many",
    "statistics_of",
]

WORST = 20
"""How many agents the report names."""


def note(agent_id: str, ok: bool, seconds: float, *, pipeline: Pipeline | None = None) -> None:
    """Note that a call of an agent succeeded or failed, after so many seconds.

    One round trip, or none where it is put into the pipeline of somebody who runs one anyway; they call
    ``make_ready`` once before. Its health follows when heartbeats are written down next.
    """
    pulses.add_notes([(agent_id, ok, seconds)], pipeline)


def make_ready() -> None:
    """Have Redis know what ``note`` puts into pipelines; again where a pipeline is told that it does not."""
    pulses.make_ready()


def note_many(notes: Sequence[tuple[str, bool, float]]) -> None:
    """Note many calls, each by the agent's id, whether it succeeded, and its seconds: one round trip."""
    if notes:
        pulses.add_notes(notes)


def statistics_of(agents: Sequence[UUID]) -> dict[UUID, Statistics]:
    """How calls of the agents went lately."""
    return pulses.statistics_of(agents)


@dataclass(frozen=True, slots=True)
class AgentHealth:
    """One agent in the report; ``statistics`` are of its recent calls."""

    id: UUID
    name: str
    state: AgentState
    health: float
    load: float
    heard_at: datetime
    statistics: Statistics


@dataclass(frozen=True, slots=True)
class HealthReport:
    """How all agents do.

    ``states`` from each state to how many are in it; ``health`` the mean of those that are not gone, None where there
    is none; ``worst`` first those with the least health; ``waiting`` heartbeats that are not written down, None where
    Redis does not answer; ``listening_since`` when the registry last began to hear after it could not.
    """

    states: Mapping[AgentState, int]
    health: float | None
    worst: tuple[AgentHealth, ...]
    waiting: int | None
    listening_since: datetime | None


def health_report(*, worst: int = WORST) -> HealthReport:
    """How all agents do now, and ``worst`` of those that do not do well."""
    counts = dict(Agent.objects.order_by().values_list("state").annotate(Count("id")))
    mean = Agent.objects.live().aggregate(mean=Avg("health"))["mean"]
    waiting, calls = None, {}
    ill = list(Agent.objects.live().order_by("-standing", "-id")[:worst])
    with contextlib.suppress(RedisError):
        waiting, calls = pulses.waiting(), pulses.statistics_of([agent.pk for agent in ill])
    return HealthReport(
        states={state: counts.get(state.value, 0) for state in AgentState},
        health=mean,
        worst=tuple(_health_of(agent, calls.get(agent.pk, NOTHING)) for agent in ill),
        waiting=waiting,
        listening_since=Registry.objects.values_list("listening_since", flat=True).filter(pk=1).first(),
    )


def _health_of(agent: Agent, statistics: Statistics) -> AgentHealth:
    return AgentHealth(
        agent.pk, agent.name, AgentState(agent.state), agent.health, agent.load, agent.heard_at, statistics
    )
