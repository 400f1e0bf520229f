"""Steering a project: pause, resume, cancel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from projects.api import examples, idempotency
from projects.api.operations import IDEMPOTENCY_KEY, IF_MATCH, operation
from projects.api.resource import Resource
from projects.api.serializers.fields import checked
from projects.api.serializers.interventions import PreviewSerializer
from projects.api.serializers.projects import CancelSerializer, ProjectDetailSerializer, ReasonSerializer
from projects.models import Project
from projects.services import control, previews

_ASKED = examples.asked({"reason": "The lawyer has to look at it first."})


class Steering(Resource):
    """What the three have in common."""

    tag = "control"
    rights = {"POST": "project.control"}
    problems = {"POST": (409, 412)}

    def steered(self, request: Request, project_id: str, act: Callable[[UUID, dict[str, Any]], Project]) -> Response:
        """Act once, on the project as the client has seen it, and show it."""
        shape = self.serializer_class or ReasonSerializer
        wish = checked(shape, request.data)

        def acted() -> Response:
            project = self.steer(project_id, lambda pk: act(pk, wish))
            return Response(ProjectDetailSerializer(project).data, status=202)

        return idempotency.once(request, acted)


class Pause(Steering):
    """`projects/{project_id}/pause`."""

    serializer_class = ReasonSerializer

    @operation(
        "projects_pause",
        "Pause a project",
        "No further step starts; those that run may finish, and their results count. Deadlines stand still.",
        parameters=[IF_MATCH, IDEMPOTENCY_KEY],
        request=ReasonSerializer,
        responses={202: ProjectDetailSerializer},
        examples=[_ASKED, examples.answered(examples.PROJECT_DETAIL | {"directive": "pause"}, 202)],
    )
    def post(self, request: Request, project_id: str) -> Response:
        """Pause it."""
        return self.steered(
            request, project_id, lambda pk, wish: control.pause(project_id=pk, actor=self.actor, **wish)
        )


class Resume(Steering):
    """`projects/{project_id}/resume`."""

    serializer_class = ReasonSerializer

    @operation(
        "projects_resume",
        "Resume a project",
        "Goes on after a pause; every deadline is moved by the length of the pause.",
        parameters=[IF_MATCH, IDEMPOTENCY_KEY],
        request=ReasonSerializer,
        responses={202: ProjectDetailSerializer},
        examples=[_ASKED, examples.answered(examples.PROJECT_DETAIL, 202)],
    )
    def post(self, request: Request, project_id: str) -> Response:
        """Resume it."""
        return self.steered(
            request, project_id, lambda pk, wish: control.resume(project_id=pk, actor=self.actor, **wish)
        )


class Cancel(Steering):
    """`projects/{project_id}/cancel`."""

    serializer_class = CancelSerializer

    @operation(
        "projects_cancel",
        "Cancel a project",
        "Nothing starts any more, and the project is over once what runs has ended; `force` does not wait.",
        parameters=[IF_MATCH, IDEMPOTENCY_KEY],
        request=CancelSerializer,
        responses={202: ProjectDetailSerializer},
        examples=[
            examples.asked({"reason": "Not needed any more.", "force": True}),
            examples.answered(examples.PROJECT_DETAIL | {"directive": "cancel"}, 202),
        ],
    )
    def post(self, request: Request, project_id: str) -> Response:
        """Cancel it."""
        return self.steered(
            request, project_id, lambda pk, wish: control.cancel(project_id=pk, actor=self.actor, **wish)
        )


class CancelPreview(Resource):
    """`projects/{project_id}/cancel/preview`."""

    tag = "control"
    rights = {"GET": "project.control"}
    problems = {"GET": (409,)}

    @operation(
        "projects_cancel_preview",
        "Preview a cancel",
        "What would not be done any more, what runs, which approvals lapse, what was spent. Confirm with its `digest`.",
        responses={200: PreviewSerializer},
        examples=[examples.answered(examples.CANCEL_PREVIEW)],
    )
    def get(self, request: Request, project_id: str) -> Response:
        """Look at it."""
        self.query()
        project = self.project(project_id)
        preview = previews.preview_cancel(project_id=project.pk, actor=self.actor)
        return Response(PreviewSerializer(preview.to_json()).data)
