"""The history of a project: append-only facts, sealed into a hash chain."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from orchestrator_site.api.operations import answered, operation
from orchestrator_site.api.pagination import Order
from orchestrator_site.history import services as history
from projects.api import examples
from projects.api.filters import HistoryQuery
from projects.api.resource import ListResource
from projects.api.serializers.insight import EventSerializer

ORDERS = {"id": Order("id", ("id",)), "-id": Order("-id", ("-id",)), "seq": Order("seq", ("seal__seq",))}


class History(ListResource):
    """`projects/{project_id}/history`."""

    tag = "history"

    @operation(
        "history_list",
        "Read the history of a project",
        "Its events in the order in which they were written. Within a second each is sealed into the hash "
        "chain; then it has its place `seq` and its `hash`.",
        parameters=[HistoryQuery],
        responses={200: EventSerializer(many=True)},
        examples=[answered(examples.EVENT)],
    )
    def get(self, request: Request, project_id: str) -> Response:
        """A page of events."""
        query = self.query(HistoryQuery)
        project = self.project(project_id)
        rows = history.events_of(
            project.pk,
            kinds=[kind.removesuffix("*") for kind in query.get("kind", ())],
            subject=query.get("subject"),
            since=query.get("since"),
        ).select_related("seal")
        if query["ordering"] == "seq":
            rows = rows.sealed()
        return self.paged(rows, EventSerializer, order=ORDERS[query["ordering"]])
