"""Many projects at once: those that do not move, and the counts of days."""

from __future__ import annotations

from datetime import date, timedelta

from rest_framework.request import Request
from rest_framework.response import Response

from orchestrator_site import clock
from orchestrator_site.api.errors import ParametersInvalid
from orchestrator_site.api.operations import answered, operation
from projects.api import examples
from projects.api.daily import daily
from projects.api.filters import DaysQuery, StuckQuery
from projects.api.resource import Resource
from projects.api.serializers.overview import DaysSerializer, StuckListSerializer
from projects.api.stuck import stuck
from projects.models import Project

MOST_DAYS = 366


class Stuck(Resource):
    """`projects/stuck`."""

    tag = "overview"

    @operation(
        "projects_stuck",
        "List projects that do not move",
        "Live projects of which nothing runs and nothing has happened for `quiet` seconds, each with the "
        "reason and who can move it on; the quietest first, 20 unless `limit` says otherwise.",
        parameters=[StuckQuery],
        responses={200: StuckListSerializer},
        examples=[answered(examples.STUCK)],
    )
    def get(self, request: Request) -> Response:
        """Those that wait."""
        query = self.query(StuckQuery)
        visible = Project.objects.visible_to(self.actor)
        rows = stuck(visible, quiet_seconds=query["quiet"], limit=query["limit"])
        return Response(StuckListSerializer({"results": list(rows)}).data)


class Daily(Resource):
    """`stats/daily`."""

    tag = "overview"

    @operation(
        "stats_daily",
        "Count projects by day",
        "How many started, were completed, failed and cancelled on each day (UTC), and how long they took.",
        parameters=[DaysQuery],
        responses={200: DaysSerializer},
        examples=[answered(examples.DAYS)],
    )
    def get(self, request: Request) -> Response:
        """The days."""
        query = self.query(DaysQuery)
        until: date = query.get("until") or clock.now().date()
        since: date = query.get("since") or until - timedelta(days=min(29, until.toordinal() - 1))
        if not timedelta(0) <= until - since < timedelta(days=MOST_DAYS) or until == date.max:
            message = f"Give days in order, {MOST_DAYS} at most."
            raise ParametersInvalid(f"since: {message}", errors=[{"field": "since", "message": message}])
        rows = daily(Project.objects.visible_to(self.actor), since=since, until=until)
        return Response(DaysSerializer({"results": rows}).data)
