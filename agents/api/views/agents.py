"""Agents: registered, found, read, changed, deregistered."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from agents.api import examples
from agents.api.acting import OwnAgent, find
from agents.api.resource import ForwardPages, Resource
from agents.api.serializers import (
    AgentChangeSerializer,
    AgentGivenSerializer,
    AgentQuerySerializer,
    AgentReasonSerializer,
    AgentSerializer,
    RegisteredSerializer,
)
from agents.api.standing import standing_of
from agents.discovery import Query, Reach
from agents.services import listing, ownership, registration
from agents.services.registration import Outcome
from agents.states import TAKES_STEPS, AgentState
from agents.values import Location
from orchestrator_site.api import conditional, idempotency
from orchestrator_site.api.fields import checked
from orchestrator_site.api.operations import (
    ETAG,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    LOCATION,
    NOT_MODIFIED,
    answered,
    asked,
    operation,
)
from orchestrator_site.api.pagination import limit_of


class AgentList(Resource):
    """`agents`."""

    rights = {"GET": "agent.read", "POST": "agent.register"}
    problems = {"POST": (409,)}
    serializer_class = AgentGivenSerializer
    pagination_class = ForwardPages

    @operation(
        "agents_list",
        "Find agents",
        "By any mix of what they can do, their tags, place, state and health. The nearest first, where a place is "
        "given; then the healthiest; then the least loaded. Those that take steps, unless states are named.",
        parameters=[AgentQuerySerializer],
        responses={200: AgentSerializer(many=True)},
        examples=[answered(examples.AGENT)],
    )
    def get(self, request: Request) -> Response:
        """A page of agents."""
        query = query_of(self.query(AgentQuerySerializer), limit_of(request), request.query_params.get("cursor"))
        page = listing.find(query)
        following = None if page.next is None else replace_query_param(_here(request), "cursor", page.next)
        shown = AgentSerializer(page.agents, many=True).data
        return Response({"next": following, "previous": None, "results": shown})

    @operation(
        "agents_register",
        "Register an agent",
        "It gets steps from its first heartbeat on. The same name is the same agent: the same description again "
        "changes nothing, another replaces it, one that was gone is back. Only who registered a name does so again.",
        parameters=[IDEMPOTENCY_KEY, LOCATION],
        request=AgentGivenSerializer,
        responses={200: RegisteredSerializer, 201: RegisteredSerializer},
        examples=[
            asked(examples.AGENT_GIVEN),
            answered(examples.REGISTERED, 201, name="created"),
            answered(examples.REGISTERED | {"outcome": "unchanged"}, 200, name="unchanged"),
        ],
    )
    def post(self, request: Request) -> Response:
        """Register it."""

        def registered() -> Response:
            given = checked(AgentGivenSerializer, request.data)
            done = ownership.register(by=self.actor, **given)
            status = 201 if done.outcome is Outcome.CREATED else 200
            place = request.build_absolute_uri(reverse("agent", args=[done.agent.pk]))
            told = {**AgentSerializer(done.agent).data, "outcome": done.outcome.value}
            return Response(told, status=status, headers={"Location": place})

        return idempotency.once(request, registered)


class AgentDetail(OwnAgent):
    """`agents/{agent_id}`."""

    rights = {"GET": "agent.read", "PATCH": "agent.register", "DELETE": "agent.register"}
    problems = {"PATCH": (409, 412), "DELETE": (409, 412)}
    serializer_class = AgentChangeSerializer

    @operation(
        "agents_read",
        "Read an agent",
        "Whatever its state, also when it is gone. Secrets of its transport are not shown.",
        parameters=[IF_NONE_MATCH, ETAG],
        responses={200: AgentSerializer, 304: NOT_MODIFIED},
        examples=[answered(examples.AGENT)],
    )
    def get(self, request: Request, agent_id: str) -> Response:
        """One agent."""
        self.query()
        agent = find(agent_id)
        data = AgentSerializer(agent).data
        return conditional.tagged(request, data, standing=standing_of(agent), passing=("heard_at",))

    @operation(
        "agents_change",
        "Change an agent",
        "What is not given stays as it is; what is changed stays so until the agent registers with another "
        "description. Its address and what it can do are changed by registering it again.",
        parameters=[IDEMPOTENCY_KEY, IF_MATCH],
        request=AgentChangeSerializer,
        responses={200: AgentSerializer},
        examples=[asked({"weight": 2.0, "tags": ["steel"]}), answered(examples.AGENT | {"weight": 2.0})],
    )
    def patch(self, request: Request, agent_id: str) -> Response:
        """Change it."""
        wish = checked(AgentChangeSerializer, request.data)
        if "cost_per_call" in wish:
            wish["cost_per_call"] = Decimal(str(wish["cost_per_call"]))
        return self.act(agent_id, registration.change, wish)

    @operation(
        "agents_deregister",
        "Deregister an agent",
        "It is gone at once, and what it runs is given to others. A second time changes nothing.",
        parameters=[AgentReasonSerializer, IDEMPOTENCY_KEY, IF_MATCH],
        responses={204: None},
    )
    def delete(self, request: Request, agent_id: str) -> Response:
        """Deregister it."""
        return self.act(agent_id, registration.deregister, self.query(AgentReasonSerializer), status=204)


def query_of(given: Mapping[str, Any], limit: int, cursor: str | None) -> Query:
    """The question to the registry."""
    return Query(
        capability=given.get("capability"),
        versions=given.get("version", ""),
        service_type=given.get("service_type"),
        transport=given.get("transport"),
        all_tags=frozenset(given.get("tag", ())),
        any_tags=frozenset(given.get("any_tag", ())),
        health=given.get("health", 0.0),
        near=_near(given),
        reach=Reach(given.get("reach", Reach.ANYWHERE)),
        states=frozenset(map(AgentState, given["state"])) if given.get("state") else TAKES_STEPS,
        limit=limit,
        after=cursor,
    )


def _near(given: Mapping[str, Any]) -> Location | None:
    if not any(name in given for name in ("near", "region", "zone")):
        return None
    latitude, longitude = map(float, given["near"].split(",")) if "near" in given else (None, None)
    return Location(given.get("region", ""), given.get("zone", ""), latitude, longitude)


def _here(request: Request) -> str:
    return str(request.build_absolute_uri())
