"""The agents: how each is, and who can do what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.views.generic import TemplateView

from agents import terms
from agents.discovery import Query
from agents.models import Agent
from agents.resilience import services as resilience
from agents.resilience.values import Standing
from agents.services import listing, statistics
from agents.services.reading import agent_named, performer_of
from agents.states import AgentState
from orchestrator_site.dashboard.rights import actor
from orchestrator_site.errors import InvalidInput

PAGE = 25
OFFERS = 6


@dataclass(frozen=True, slots=True)
class Row:
    """An agent as the page shows it: the first of its capabilities, how many more, and how it stands."""

    agent: Agent
    offers: Sequence[tuple[str, str]]
    more: int
    standing: Standing


class AgentList(LoginRequiredMixin, TemplateView):
    """Agents by what they can do and by state, the healthiest first."""

    template_name = "dashboard/agents.html"
    extra_context = {"section": "agents"}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """For those who may see agents."""
        if request.user.is_authenticated and not actor(request).may("agent.read"):
            raise PermissionDenied(_("You have no right to see agents."))
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """One page, and how many are in each state."""
        asked = _asked(self.request.GET)
        refusal = ""
        try:
            found = _found(asked)
        except InvalidInput as error:
            found, refusal = listing.Found((), ()), error.message
        report = statistics.health_report(worst=0)
        return super().get_context_data(
            rows=_rows(found),
            following=found.next,
            refusal=refusal,
            asked=asked,
            narrowed=any(asked[name] for name in ("q", "version", "state")),
            states=list(AgentState),
            counts=[(state, number) for state, number in report.states.items() if number],
            total=sum(report.states.values()),
            **kwargs,
        )


def _asked(given: Mapping[str, str]) -> dict[str, str]:
    """What is asked, without what no text of the database can hold."""
    return {name: given.get(name, "").replace("\0", "").strip()[:400] for name in ("q", "version", "state", "after")}


def _found(asked: Mapping[str, str]) -> listing.Found:
    """The page that is asked for. An agent is found by its name or id too, where nobody can do what is so called.

    Raises ``InvalidInput`` for a range of versions that is none or of nothing, and for a place in another list.
    """
    if asked["version"] and not asked["q"]:
        raise InvalidInput(_("Say what they can do: the versions that are asked for are those of a capability."))
    wanted = asked["state"]
    state = AgentState(wanted) if wanted in {state.value for state in AgentState} else None
    query = Query(
        capability=asked["q"] or None,
        versions=asked["version"],
        states=listing.LIVE if state in (None, AgentState.GONE) else frozenset({state}),
        limit=PAGE,
        after=asked["after"] or None,
    )
    found = _of(listing.gone(query, PAGE)) if state is AgentState.GONE else listing.find(query)
    return found if found.agents or not asked["q"] else _of(_named(asked["q"], state))


def _named(name: str, state: AgentState | None) -> list[Agent]:
    rows = Agent.objects.filter(**agent_named(name))
    return list(rows if state is None else rows.filter(state=state))


def _of(agents: Sequence[Agent]) -> listing.Found:
    return listing.Found(tuple(agents), tuple(map(performer_of, agents)))


def _rows(found: listing.Found) -> list[Row]:
    """With how each stands, read for all of the page in one round trip."""
    standings = resilience.standing(found.performers)
    return [_row(agent, standings.get(str(agent.pk), Standing())) for agent in found.agents]


def _row(agent: Agent, standing: Standing) -> Row:
    offers = sorted(terms.capabilities_in(agent.features).items())
    return Row(agent, offers[:OFFERS], max(0, len(offers) - OFFERS), standing)
