"""Finding the agents that a command lists or acts on."""

from __future__ import annotations

from dataclasses import replace

from agents import terms
from agents.discovery import MOST, Query
from agents.models import Agent
from agents.services.discovery import discover
from agents.states import AgentState

LIVE = frozenset(AgentState) - {AgentState.GONE}


def agents_of(query: Query, most: int) -> list[Agent]:
    """The rows of the agents that a question finds, in its order, ``most`` at most. Raises what discovery raises."""
    ids: list[str] = []
    page = discover(replace(query, limit=min(most, MOST)))
    ids += [performer.id for performer in page.performers]
    while page.next is not None and len(ids) < most:
        page = discover(replace(query, limit=min(most - len(ids), MOST), after=page.next))
        ids += [performer.id for performer in page.performers]
    rows = {str(key): agent for key, agent in Agent.objects.select_related("ownership__user").in_bulk(ids).items()}
    return [rows[agent_id] for agent_id in dict.fromkeys(ids) if agent_id in rows]


def gone(query: Query, most: int) -> list[Agent]:
    """Those that are gone, the latest first: discovery does not know them, and nobody asks it often.

    Of the question only what can be said of a name in a list counts: capability, tags, sort, transport.
    """
    wanted = [*map(terms.tag, query.all_tags)]
    if query.capability is not None:
        wanted.append(terms.capability(query.capability))
    if query.service_type is not None:
        wanted.append(terms.service(query.service_type))
    rows = Agent.objects.select_related("ownership__user").filter(state=AgentState.GONE, features__contains=wanted)
    return list(rows.order_by("-heard_at", "-id")[:most])
