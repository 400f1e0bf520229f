"""Agents that are asked to leave, and to stay."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from agents.api import examples
from agents.api.acting import OwnAgent
from agents.api.serializers import AgentReasonSerializer, AgentSerializer
from agents.services import registration
from orchestrator_site.api.fields import checked
from orchestrator_site.api.operations import IDEMPOTENCY_KEY, IF_MATCH, answered, asked, operation


class Drain(OwnAgent):
    """`agents/{agent_id}/drain`."""

    rights = {"POST": "agent.register"}
    problems = {"POST": (410, 412)}
    serializer_class = AgentReasonSerializer

    @operation(
        "agents_drain",
        "Ask an agent to leave",
        "It finishes what it has and gets nothing new, and is gone when nothing of its runs. A second time changes "
        "nothing.",
        parameters=[IDEMPOTENCY_KEY, IF_MATCH],
        request=AgentReasonSerializer,
        responses={200: AgentSerializer},
        examples=[asked({"reason": "A new version comes."}), answered(examples.AGENT | {"state": "draining"})],
    )
    def post(self, request: Request, agent_id: str) -> Response:
        """Ask it."""
        return self.act(agent_id, registration.drain, checked(AgentReasonSerializer, request.data))


class Resume(OwnAgent):
    """`agents/{agent_id}/resume`."""

    rights = {"POST": "agent.register"}
    problems = {"POST": (409, 412)}
    serializer_class = None

    @operation(
        "agents_resume",
        "Have an agent stay that was asked to leave",
        "It gets steps again from its next heartbeat on.",
        parameters=[IDEMPOTENCY_KEY, IF_MATCH],
        responses={200: AgentSerializer},
        examples=[answered(examples.AGENT | {"state": "starting"})],
    )
    def post(self, request: Request, agent_id: str) -> Response:
        """Have it stay."""
        return self.act(agent_id, registration.resume, {})
