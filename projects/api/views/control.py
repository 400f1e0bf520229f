"""Steering: start, pause, resume and cancel, of one project or of many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from orchestrator_site.api import idempotency
from orchestrator_site.api.fields import StrictSerializer, checked
from orchestrator_site.api.operations import IDEMPOTENCY_KEY, IF_MATCH, answered, asked, operation
from projects.api import examples
from projects.api.resource import Resource
from projects.api.serializers.interventions import PreviewSerializer
from projects.api.serializers.many import (
    BatchSerializer,
    CancelManyPreviewSerializer,
    CancelManySerializer,
    StartManySerializer,
    SteerManySerializer,
)
from projects.api.serializers.projects import CancelSerializer, ProjectDetailSerializer, ReasonSerializer
from projects.models import Project
from projects.services import control, many, many_previews, previews

_ASKED = asked({"reason": "The lawyer has to look at it first."})


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


class Start(Steering):
    """`projects/{project_id}/start`."""

    rights = {"POST": "project.start"}
    serializer_class = StrictSerializer

    @operation(
        "projects_start",
        "Start a project",
        "Begins one that was made with `start: false`. One that is to run after others begins when they are completed.",
        parameters=[IF_MATCH, IDEMPOTENCY_KEY],
        request=None,
        responses={202: ProjectDetailSerializer},
        examples=[answered(examples.PROJECT_DETAIL, 202)],
    )
    def post(self, request: Request, project_id: str) -> Response:
        """Start it."""
        return self.steered(
            request, project_id, lambda pk, wish: control.start(project_id=pk, actor=self.actor, **wish)
        )


class Pause(Steering):
    """`projects/{project_id}/pause`."""

    serializer_class = ReasonSerializer

    @operation(
        "projects_pause",
        "Pause a project",
        "No further step starts, here and in the projects below; those that run may finish, and their results "
        "count. Every clock stands still: waits, retries, deadlines. `progress` says when nothing runs any more.",
        parameters=[IF_MATCH, IDEMPOTENCY_KEY],
        request=ReasonSerializer,
        responses={202: ProjectDetailSerializer},
        examples=[_ASKED, answered(examples.PROJECT_DETAIL | {"directive": "pause"}, 202)],
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
        "Goes on after a pause, with the projects below that were held by it; every clock is moved by its length.",
        parameters=[IF_MATCH, IDEMPOTENCY_KEY],
        request=ReasonSerializer,
        responses={202: ProjectDetailSerializer},
        examples=[_ASKED, answered(examples.PROJECT_DETAIL, 202)],
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
        "Nothing starts any more, here and in the projects below, and the project is over once what runs has "
        "ended; `force` does not wait. It may be paused.",
        parameters=[IF_MATCH, IDEMPOTENCY_KEY],
        request=CancelSerializer,
        responses={202: ProjectDetailSerializer},
        examples=[
            asked({"reason": "Not needed any more.", "force": True}),
            answered(examples.PROJECT_DETAIL | {"directive": "cancel"}, 202),
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
        examples=[answered(examples.CANCEL_PREVIEW)],
    )
    def get(self, request: Request, project_id: str) -> Response:
        """Look at it."""
        self.query()
        project = self.project(project_id)
        preview = previews.preview_cancel(project_id=project.pk, actor=self.actor)
        return Response(PreviewSerializer(preview.to_json()).data)


_MANY_ASKED = asked({"ids": [examples.PROJECT_ID], "reason": "The supplier is down."})
_FILTER_ASKED = asked({"filter": {"blueprint": "tool-launch", "owner": "olga"}}, "filter")


class SteeringMany(Resource):
    """What the three have in common."""

    tag = "control"
    verb = ""
    rights = {"POST": "project.control"}

    def steered(self, request: Request) -> Response:
        """Steer each by itself, and tell what became of it."""
        wish = checked(self.serializer_class or SteerManySerializer, request.data)

        def acted() -> Response:
            return Response(BatchSerializer(_told(self._batch(dict(wish)))).data)

        return idempotency.once(request, acted)

    def _batch(self, wish: dict[str, Any]) -> many.Batch:
        ids, chosen = wish.pop("ids", None), wish.pop("filter", None)
        if ids is not None:
            return many.steer(self.verb, ids, actor=self.actor, **wish)
        return many.steer_all(self.verb, actor=self.actor, **chosen, **wish)


def _told(batch: many.Batch) -> dict[str, Any]:
    return {"results": [outcome.to_json() for outcome in batch.outcomes], "left": batch.left}


class StartMany(SteeringMany):
    """`projects/start`."""

    verb = "start"
    rights = {"POST": "project.start"}
    serializer_class = StartManySerializer

    @operation(
        "projects_start_many",
        "Start many projects",
        "As `projects/pause`: those of some ids, or all of a filter that were made with `start: false` and wait for no "
        "others. They begin together, and what is short of them is done together: much quicker than one by one.",
        parameters=[IDEMPOTENCY_KEY],
        request=StartManySerializer,
        responses={200: BatchSerializer},
        examples=[
            asked({"ids": [examples.PROJECT_ID]}),
            asked({"filter": {"blueprint": "tool-launch", "owner": "olga"}}, "filter"),
            answered(examples.BATCH),
        ],
    )
    def post(self, request: Request) -> Response:
        """Start them."""
        return self.steered(request)


class PauseMany(SteeringMany):
    """`projects/pause`."""

    verb = "pause"
    serializer_class = SteerManySerializer

    @operation(
        "projects_pause_many",
        "Pause many projects",
        "Those of some ids, or all that run of a filter (`{}` is every one), 500 at most in one call: `left` says how "
        "many more fitted. Each is paused by itself, and one that refuses does not stop the others.",
        parameters=[IDEMPOTENCY_KEY],
        request=SteerManySerializer,
        responses={200: BatchSerializer},
        examples=[_MANY_ASKED, _FILTER_ASKED, answered(examples.BATCH)],
    )
    def post(self, request: Request) -> Response:
        """Pause them."""
        return self.steered(request)


class ResumeMany(SteeringMany):
    """`projects/resume`."""

    verb = "resume"
    serializer_class = SteerManySerializer

    @operation(
        "projects_resume_many",
        "Resume many projects",
        "As `projects/pause`: those of some ids, or all of a filter that are paused for themselves.",
        parameters=[IDEMPOTENCY_KEY],
        request=SteerManySerializer,
        responses={200: BatchSerializer},
        examples=[_MANY_ASKED, _FILTER_ASKED, answered(examples.BATCH)],
    )
    def post(self, request: Request) -> Response:
        """Resume them."""
        return self.steered(request)


class CancelMany(SteeringMany):
    """`projects/cancel`."""

    verb = "cancel"
    problems = {"POST": (409,)}
    serializer_class = CancelManySerializer

    @operation(
        "projects_cancel_many",
        "Cancel many projects",
        "As `projects/pause`: those of some ids, or all of a filter that are not over. With the `preview_digest` of "
        "`projects/cancel/preview` those that it showed, and none that came since; 409 if they stand otherwise now.",
        parameters=[IDEMPOTENCY_KEY],
        request=CancelManySerializer,
        responses={200: BatchSerializer},
        examples=[_MANY_ASKED, _FILTER_ASKED, answered(examples.BATCH)],
    )
    def post(self, request: Request) -> Response:
        """Cancel them."""
        return self.steered(request)

    def _batch(self, wish: dict[str, Any]) -> many.Batch:
        digest = wish.pop("preview_digest", None)
        if digest is None:
            return super()._batch(wish)
        return many_previews.cancel_seen(actor=self.actor, digest=digest, **_those(wish), **wish)


class CancelManyPreview(Resource):
    """`projects/cancel/preview`."""

    tag = "control"
    rights = {"POST": "project.control"}

    @operation(
        "projects_cancel_many_preview",
        "Preview a cancel of many projects",
        "Which they are, how many steps would not be done any more, how many run, what was spent. Nothing is changed. "
        "Confirm with its `digest`.",
        request=StartManySerializer,
        responses={200: CancelManyPreviewSerializer},
        examples=[
            asked({"filter": {"blueprint": "tool-launch", "owner": "olga"}}),
            answered(examples.CANCEL_MANY_PREVIEW),
        ],
    )
    def post(self, request: Request) -> Response:
        """Look at it."""
        wish = dict(checked(StartManySerializer, request.data))
        preview = many_previews.preview_cancel(actor=self.actor, **_those(wish))
        return Response(CancelManyPreviewSerializer(preview.to_json()).data)


def _those(wish: dict[str, Any]) -> dict[str, Any]:
    """Which projects are meant, taken out of what was asked."""
    ids, chosen = wish.pop("ids", None), wish.pop("filter", {})
    return {"ids": ids, "most": many.MOST, **chosen}
