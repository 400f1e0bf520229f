"""Agents that were found, as the rows that people are shown: for the API, pages and commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agents import terms
from agents.discovery import MOST, Query
from agents.models import Agent
from agents.services.discovery import discover
from agents.states import AgentState
from agents.values import Performer

__all__ = ["LIVE", "Found", "agents_of", "find", "gone"]

LIVE = frozenset(AgentState) - {AgentState.GONE}
"""The states that people ask for who name none: also those in which an agent takes no steps."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page: rows with their owners, the performers that they are, and what the next page begins with."""

    agents: tuple[Agent, ...]
    performers: tuple[Performer, ...]
    next: str | None = None


def find(query: Query) -> Found:
    """The page of a question. Raises what discovery raises."""
    page = discover(query)
    return Found(_rows(page.performers), page.performers, page.next)


def agents_of(query: Query, most: int) -> list[Agent]:
    """The first ``most`` agents that a question finds, page by page. Raises what discovery raises."""
    found: dict[str, Agent] = {}
    following: str | None = None
    while len(found) < most:
        page = find(replace(query, limit=min(most - len(found), MOST), after=following))
        found |= {str(agent.pk): agent for agent in page.agents}
        following = page.next
        if following is None:
            break
    return list(found.values())


def gone(query: Query, most: int) -> list[Agent]:
    """Those that are gone, the latest first: discovery does not know them, and they are seldom asked for.

    Of the question counts what does not change when an agent goes: capability, tags, sort and transport.
    """
    wanted = [*map(terms.tag, query.all_tags)]
    if query.capability is not None:
        wanted.append(terms.capability(query.capability))
    if query.service_type is not None:
        wanted.append(terms.service(query.service_type))
    if query.transport is not None:
        wanted.append(terms.transport(query.transport))
    rows = Agent.objects.select_related("ownership__user").filter(state=AgentState.GONE, features__contains=wanted)
    return list(rows.order_by("-heard_at", "-id")[:most])


def _rows(performers: Sequence[Performer]) -> tuple[Agent, ...]:
    """The rows of a page in its order; one that was removed meanwhile is left out."""
    found = Agent.objects.select_related("ownership__user").in_bulk([performer.id for performer in performers])
    by_id = {str(key): agent for key, agent in found.items()}
    return tuple(by_id[performer.id] for performer in performers if performer.id in by_id)
