"""Who would get a piece of work, and one answer of many agents."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from agents import asking, dispatching
from agents.dispatching import Sought
from agents.registry import load_agents
from agents.routing import Decision
from agents.routing import Request as Wanted
from agents.services import candidates
from orchestrator_site.api.fields import checked
from orchestrator_site.api.operations import answered, asked, operation
from projects.api import examples
from projects.api.resource import Resource
from projects.api.serializers.agents import (
    GatheredSerializer,
    RouteAskedSerializer,
    RoutedSerializer,
    ScatterAskedSerializer,
)
from projects.blueprints.schema import RouteSpec
from projects.services import choosing

_NAMED = 4


class RoutePreview(Resource):
    """`agents/route`."""

    tag = "agents"
    rights = {"POST": "agent.read"}
    problems = {"POST": (404,)}
    refusals = {
        404: ("agent_not_found", "No agent is called 'pricing'."),
        422: ("fields_invalid", "route: rules[0].when: the expression `params.x >` cannot be used: …"),
    }
    serializer_class = RouteAskedSerializer

    @operation(
        "agents_route",
        "See who would get a piece of work",
        "As a step that asks so would be given to somebody at this moment, with the reasons, and why others were left "
        "out. Nobody is called, and nothing is taken.",
        request=RouteAskedSerializer,
        responses={200: RoutedSerializer},
        examples=[asked(examples.ROUTE_ASKED), answered(examples.ROUTED)],
    )
    def post(self, request: Request) -> Response:
        """Look."""
        given = checked(RouteAskedSerializer, request.data)
        load_agents()
        sought = Sought(given.get("capability", ""), given.get("version", ""), given.get("agent", ""))
        route: RouteSpec = given.get("route", RouteSpec())
        wanted = Wanted(
            strategy=route.strategy or choosing.DEFAULT_ROUTE,
            key=given.get("key", route.key or ""),
            payload=given.get("params", {}),
            location=choosing.location_of(route.near, str),
            rules=choosing.rules_of(route),
            wanted=_NAMED,
        )
        return Response(RoutedSerializer(_told(sought, dispatching.preview(sought, wanted))).data)


class Scatter(Resource):
    """`agents/scatter`."""

    tag = "agents"
    rights = {"POST": "agent.call"}
    problems = {"POST": (502, 503, 504)}
    refusals = {422: ("unknown_aggregation", "No aggregation is called 'majorty'. Did you mean 'majority'? …")}
    serializer_class = ScatterAskedSerializer

    @operation(
        "agents_scatter",
        "Ask many agents at once",
        "All that have the capability get the same, and their answers are made one when the quorum is there, at the "
        "deadline at the latest. Nothing is kept: what has to survive is a step of kind `scatter` in a project.",
        request=ScatterAskedSerializer,
        responses={200: GatheredSerializer},
        examples=[asked(examples.SCATTER_ASKED), answered(examples.GATHERED)],
    )
    def post(self, request: Request) -> Response:
        """Ask them."""
        given = checked(ScatterAskedSerializer, request.data)
        gathered = asking.ask_many(
            given.pop("capability"),
            given.pop("params", {}),
            by=self.actor.name,
            specifiers=given.pop("version", ""),
            **given,
        )
        return Response(GatheredSerializer(gathered.to_json()).data)


def _told(sought: Sought, decision: Decision) -> dict[str, Any]:
    names = _names(sought)
    chosen = [{"id": one, "name": names.get(one, one.removeprefix("python:"))} for one in decision.chosen[:_NAMED]]
    told = decision.to_json()
    return {
        **{name: told[name] for name in ("strategy", "reasons", "left_out", "left_out_count", "considered")},
        "registry_version": decision.version,
        "agent": chosen[0]["name"] if chosen else None,
        "chosen": chosen,
        "why": decision.sentence,
        "retry_after": decision.retry_after,
    }


def _names(sought: Sought) -> dict[str, str]:
    if sought.name:
        return {candidates.by_name(sought.name).id: sought.name} if candidates.is_registered(sought.name) else {}
    return {agent.id: agent.name for agent in candidates.performers(sought.capability, sought.specifiers)}
