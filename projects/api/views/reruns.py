"""Running a project again, and two of them side by side."""

from __future__ import annotations

from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from orchestrator_site.api import idempotency
from orchestrator_site.api.fields import checked
from orchestrator_site.api.operations import IDEMPOTENCY_KEY, LOCATION, answered, asked, operation
from orchestrator_site.errors import Forbidden
from projects.api import examples
from projects.api.resource import Resource
from projects.api.serializers.checkpoints import (
    ComparisonSerializer,
    RerunGivenSerializer,
    RerunPreviewSerializer,
    RerunQuery,
)
from projects.api.serializers.projects import ProjectDetailSerializer
from projects.reports.side_by_side import side_by_side
from projects.services import control, rerunning


class Rerun(Resource):
    """`projects/{project_id}/rerun`."""

    tag = "control"
    rights = {"POST": "project.start"}
    problems = {"POST": (409,)}
    serializer_class = RerunGivenSerializer

    @operation(
        "projects_rerun",
        "Run a project again",
        "Makes a new project of the same blueprint version, inputs and documents, whose `rerun_of` is this one, and "
        "begins it. With `from_step` it keeps what does not come after that step: results, and what people approved.",
        parameters=[IDEMPOTENCY_KEY, LOCATION],
        request=RerunGivenSerializer,
        responses={201: ProjectDetailSerializer},
        examples=[
            asked({"from_step": "extract"}),
            answered(examples.PROJECT_DETAIL | {"rerun_of": examples.PROJECT_ID}, 201),
        ],
    )
    def post(self, request: Request, project_id: str) -> Response:
        """Make it."""
        wish = checked(RerunGivenSerializer, request.data)
        if wish.get("auto_approve") and not self.actor.may("project.auto_approve"):
            raise Forbidden("Approving beforehand needs the right project.auto_approve: leave `auto_approve` out.")
        earlier = self.project(project_id)
        started = wish.pop("start", True)

        def made() -> Response:
            new = rerunning.rerun(project_id=earlier.pk, actor=self.actor, started=started, **wish)
            project = control.find_project(project_id=new.pk, actor=self.actor)
            place = request.build_absolute_uri(reverse("project", args=[project.pk]))
            return Response(ProjectDetailSerializer(project).data, status=201, headers={"Location": place})

        return idempotency.once(request, made)


class RerunPreview(Resource):
    """`projects/{project_id}/rerun/preview`."""

    tag = "control"
    rights = {"GET": "project.start"}
    problems = {"GET": (409,)}

    @operation(
        "projects_rerun_preview",
        "Preview running a project again",
        "What would be kept, what would be done again, and what that has used before. Confirm with its `digest`.",
        parameters=[RerunQuery],
        responses={200: RerunPreviewSerializer},
        examples=[answered(examples.RERUN_PREVIEW)],
    )
    def get(self, request: Request, project_id: str) -> Response:
        """Look at it."""
        wish = self.query(RerunQuery)
        project = self.project(project_id)
        preview = rerunning.preview(project_id=project.pk, actor=self.actor, **wish)
        return Response(RerunPreviewSerializer(preview.to_json()).data)


class Compare(Resource):
    """`projects/{project_id}/compare/{other_id}`."""

    tag = "results"

    @operation(
        "projects_compare",
        "Compare two projects",
        "What they were given, what was planned, how each step went in one and the other, and what became of the "
        "findings where both report on such.",
        responses={200: ComparisonSerializer},
        examples=[answered(examples.COMPARISON)],
    )
    def get(self, request: Request, project_id: str, other_id: str) -> Response:
        """Both side by side."""
        self.query()
        return Response(side_by_side(self.project(project_id), self.project(other_id)).to_json())
