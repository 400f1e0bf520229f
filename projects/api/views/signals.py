"""Signals of a project: sent, and looked at."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from orchestrator_site.api import idempotency
from orchestrator_site.api.fields import checked
from orchestrator_site.api.operations import IDEMPOTENCY_KEY, answered, asked, operation
from orchestrator_site.api.pagination import Order
from projects.api import examples
from projects.api.filters import SignalQuery
from projects.api.resource import ListResource
from projects.api.serializers.signals import SignalGivenSerializer, SignalSerializer
from projects.models import Signal
from projects.services import signals

LATEST_FIRST = Order("-id", ("-id",))


class SignalList(ListResource):
    """`projects/{project_id}/signals`."""

    tag = "signals"
    rights = {"POST": "project.control"}
    problems = {"POST": (409,)}
    serializer_class = SignalGivenSerializer

    @operation(
        "signals_list",
        "List the signals of a project",
        "The latest first, each with the step that has taken it.",
        parameters=[SignalQuery],
        responses={200: SignalSerializer(many=True)},
        examples=[answered(examples.SIGNAL)],
    )
    def get(self, request: Request, project_id: str) -> Response:
        """A page of signals."""
        query = self.query(SignalQuery)
        rows = Signal.objects.filter(project=self.project(project_id)).select_related("taken_by")
        if "name" in query:
            rows = rows.filter(name=query["name"])
        if "standing" in query:
            rows = rows.filter(taken_by__isnull=query["standing"] == "waiting")
        return self.paged(rows, SignalSerializer, order=LATEST_FIRST)

    @operation(
        "signals_send",
        "Send a signal to a project",
        "A step that waits for its name takes it, the oldest first, each once; until then it is kept, also while "
        "the project is paused or has not begun. The same `key` is the same signal, and answered with 200.",
        parameters=[IDEMPOTENCY_KEY],
        request=SignalGivenSerializer,
        responses={200: SignalSerializer, 201: SignalSerializer},
        examples=[
            asked({"name": "delivered", "payload": {"parcels": 3}, "key": "delivery-812"}),
            answered(examples.SIGNAL, 201, name="sent"),
            answered(examples.SIGNAL, 200, name="found"),
        ],
    )
    def post(self, request: Request, project_id: str) -> Response:
        """Send one."""
        given = checked(SignalGivenSerializer, request.data)

        def sent() -> Response:
            project = self.project(project_id)
            done = signals.send(project_id=project.pk, actor=self.actor, **given)
            return Response(SignalSerializer(done.signal).data, status=201 if done.is_new else 200)

        return idempotency.once(request, sent)
