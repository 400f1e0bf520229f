"""The circuit of an agent: seen, forced, left to itself again."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from agents.api import examples
from agents.api.acting import find
from agents.api.conditions import CircuitForceSerializer, CircuitSerializer
from agents.api.resource import Resource
from agents.models import Agent
from agents.resilience import services as resilience
from agents.resilience.states import CircuitState
from orchestrator_site.api import idempotency
from orchestrator_site.api.fields import checked
from orchestrator_site.api.operations import IDEMPOTENCY_KEY, answered, asked, operation

_FORCED = {
    "open": CircuitState.FORCED_OPEN,
    "closed": CircuitState.FORCED_CLOSED,
    "auto": CircuitState.CLOSED,
}


class CircuitOfAgent(Resource):
    """`agents/{agent_id}/circuit`."""

    rights = {"GET": "agent.read", "POST": "agent.manage"}
    serializer_class = CircuitForceSerializer

    @operation(
        "agents_circuit",
        "Look at an agent's circuit",
        "Whether calls go through to it, why, and what else holds it back: its pause, its rate, its places.",
        responses={200: CircuitSerializer},
        examples=[answered(examples.CIRCUIT)],
    )
    def get(self, request: Request, agent_id: str) -> Response:
        """As it is now."""
        self.query()
        return Response(told(find(agent_id)))

    @operation(
        "agents_force_circuit",
        "Force an agent's circuit",
        "`open` lets no call through, `closed` every one, until somebody says otherwise; `auto` leaves it to itself.",
        parameters=[IDEMPOTENCY_KEY],
        request=CircuitForceSerializer,
        responses={200: CircuitSerializer},
        examples=[
            asked({"state": "open", "reason": "It quotes wrong prices."}),
            answered(examples.CIRCUIT | {"state": "forced_open", "why": "It quotes wrong prices.", "closed_for": 0.0}),
        ],
    )
    def post(self, request: Request, agent_id: str) -> Response:
        """Force it."""
        wish = checked(CircuitForceSerializer, request.data)
        state, reason = wish["state"], wish.get("reason", "")

        def forced() -> Response:
            agent = find(agent_id)
            resilience.force(str(agent.pk), state, actor=self.actor, reason=reason)
            # Redis follows after the commit: what was ordered is told, not what it was a moment ago.
            return Response(told(agent) | {"state": _FORCED[state].value, "why": reason, "closed_for": 0.0})

        return idempotency.once(request, forced)


def told(agent: Agent) -> dict[str, Any]:
    """An agent's circuit and what else holds it back; who holds its places is their projects' matter."""
    known = resilience.describe(str(agent.pk))
    circuit = known["circuit"]
    return {
        "id": str(agent.pk),
        "state": circuit["state"],
        "since": circuit.get("since"),
        "why": circuit["why"],
        "closed_for": circuit.get("closed_for", 0.0),
        "openings_in_a_row": circuit.get("openings_in_a_row", 0),
        "failures": circuit.get("failures", []),
        "paused_for": known.get("paused_for", 0.0),
        "rate": known.get("rate", {"limit": None, "latency": 0.0, "usual_latency": 0.0}),
        "running": known.get("running", len(known.get("places", ()))),
        "shared": known["shared"],
    }
