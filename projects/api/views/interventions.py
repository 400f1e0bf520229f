"""Changes of the plan of a live project: those that were made, a preview of one, and making one."""

from __future__ import annotations

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from orchestrator_site.api import idempotency
from orchestrator_site.api.fields import checked
from orchestrator_site.api.operations import IDEMPOTENCY_KEY, IF_MATCH, answered, asked, operation
from orchestrator_site.api.pagination import Order
from projects.api import conditional, examples
from projects.api.resource import ListResource, Resource
from projects.api.serializers.interventions import (
    ChangeGivenSerializer,
    InterventionGivenSerializer,
    InterventionSerializer,
    PreviewSerializer,
)
from projects.models import Intervention
from projects.services import interventions, replanning
from projects.states import InterventionState

LATEST_FIRST = Order("-created_at", ("-id",))


class InterventionList(ListResource):
    """`projects/{project_id}/interventions`."""

    tag = "interventions"
    rights = {"POST": "project.intervene"}
    problems = {"POST": (409, 412)}
    serializer_class = InterventionGivenSerializer

    @operation(
        "interventions_list",
        "List the interventions of a project",
        "Who changed what of its plan, when and why, before and after; the latest first.",
        responses={200: InterventionSerializer(many=True)},
        examples=[answered(examples.INTERVENTION)],
    )
    def get(self, request: Request, project_id: str) -> Response:
        """A page of them."""
        self.query()
        rows = Intervention.objects.filter(project=self.project(project_id))
        return self.paged(rows, InterventionSerializer, order=LATEST_FIRST)

    @operation(
        "interventions_make",
        "Change the plan of a live project",
        "Retry, skip, modify, add, remove or reorder a step. 201: it is made. 202: the blueprint asks for an approval. "
        "409: it cannot be made, and `code` and `detail` say why and what to do instead.",
        parameters=[IF_MATCH, IDEMPOTENCY_KEY],
        request=InterventionGivenSerializer,
        responses={201: InterventionSerializer, 202: InterventionSerializer},
        examples=[
            asked(examples.INTERVENTION_GIVEN),
            answered(examples.INTERVENTION, 201, name="made"),
            answered(examples.INTERVENTION_PROPOSED, 202, name="proposed"),
        ],
    )
    def post(self, request: Request, project_id: str) -> Response:
        """Make one."""
        wish = checked(InterventionGivenSerializer, request.data)

        def made() -> Response:
            found = self.project(project_id)
            with transaction.atomic():
                conditional.check_match(request, replanning.lock(found.pk))
                intervention = interventions.intervene(project_id=found.pk, actor=self.actor, **wish)
            status = 202 if intervention.state == InterventionState.PROPOSED else 201
            return Response(InterventionSerializer(intervention).data, status=status)

        return idempotency.once(request, made)


class InterventionPreview(Resource):
    """`projects/{project_id}/interventions/preview`."""

    tag = "interventions"
    rights = {"POST": "project.intervene"}
    problems = {"POST": (409,)}
    serializer_class = ChangeGivenSerializer

    @operation(
        "interventions_preview",
        "Preview a change of the plan",
        "What it would do, made by the code that then does it; nothing is changed. Confirm it with its `digest`.",
        request=ChangeGivenSerializer,
        responses={200: PreviewSerializer},
        examples=[
            asked({"change": "skip", "step": "market", "arguments": {"result": {"confidence": 0.5}}}),
            answered(examples.PREVIEW),
        ],
    )
    def post(self, request: Request, project_id: str) -> Response:
        """Look at one."""
        wish = checked(ChangeGivenSerializer, request.data)
        found = self.project(project_id)
        preview = interventions.preview(project_id=found.pk, actor=self.actor, **wish)
        return Response(PreviewSerializer(preview.to_json()).data)
