"""How all agents do."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from agents.api import examples
from agents.api.conditions import HealthReportSerializer
from agents.api.resource import Resource
from agents.services.statistics import health_report
from orchestrator_site.api.operations import answered, operation


class Health(Resource):
    """`agents/health`."""

    rights = {"GET": "agent.read"}

    @operation(
        "agents_health",
        "See how agents do",
        "How many are in each state, their mean health, and those that do worst with how their recent calls went.",
        responses={200: HealthReportSerializer},
        examples=[answered(examples.HEALTH)],
    )
    def get(self, request: Request) -> Response:
        """The report."""
        self.query()
        return Response(HealthReportSerializer(health_report()).data)
