"""The checkpoints of a project, and going back to one."""

from __future__ import annotations

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from orchestrator_site.api import idempotency
from orchestrator_site.api.fields import checked
from orchestrator_site.api.operations import IDEMPOTENCY_KEY, IF_MATCH, answered, asked, operation
from orchestrator_site.api.pagination import Order
from projects.api import examples
from projects.api.resource import ListResource, Resource
from projects.api.serializers.checkpoints import (
    CheckpointDetailSerializer,
    CheckpointGivenSerializer,
    CheckpointSerializer,
    RestoredSerializer,
    RestoreGivenSerializer,
    RestorePreviewSerializer,
    RestoreQuery,
)
from projects.errors import CheckpointNotFound
from projects.models import Checkpoint, Project
from projects.services import checkpoints, restoring

IN_ORDER = Order("number", ("number", "id"))


class CheckpointList(ListResource):
    """`projects/{project_id}/checkpoints`."""

    tag = "control"
    rights = {"POST": "project.control"}
    problems = {"POST": (409,)}
    serializer_class = CheckpointGivenSerializer

    @operation(
        "checkpoints_list",
        "List the checkpoints of a project",
        "Taken at the start, after each phase, at each pause, before each restore, and when somebody asks.",
        responses={200: CheckpointSerializer(many=True)},
        examples=[answered(examples.CHECKPOINT)],
    )
    def get(self, request: Request, project_id: str) -> Response:
        """A page of checkpoints."""
        self.query()
        rows = Checkpoint.objects.filter(project=self.project(project_id)).defer("content")
        return self.paged(rows, CheckpointSerializer, order=IN_ORDER)

    @operation(
        "checkpoints_take",
        "Take a checkpoint",
        "Writes down how the project stands now, to go back to.",
        parameters=[IDEMPOTENCY_KEY],
        request=CheckpointGivenSerializer,
        responses={201: CheckpointSerializer},
        examples=[asked({"label": "before the last phase"}), answered(examples.CHECKPOINT, 201)],
    )
    def post(self, request: Request, project_id: str) -> Response:
        """Take one."""
        wish = checked(CheckpointGivenSerializer, request.data)
        project = self.project(project_id)

        def taken() -> Response:
            checkpoint = checkpoints.request(project_id=project.pk, actor=self.actor, **wish)
            return Response(CheckpointSerializer(checkpoint).data, status=201)

        return idempotency.once(request, taken)


class CheckpointDetail(Resource):
    """`projects/{project_id}/checkpoints/{number}`."""

    tag = "control"
    problems = {"GET": (409,)}

    @operation(
        "checkpoints_read",
        "Read a checkpoint",
        "With what it holds. 409 where that is not what was taken.",
        responses={200: CheckpointDetailSerializer},
        examples=[answered(examples.CHECKPOINT_DETAIL)],
    )
    def get(self, request: Request, project_id: str, number: str) -> Response:
        """One checkpoint."""
        self.query()
        checkpoint = checkpoints.find(project_id=self.project(project_id).pk, number=_number(number))
        holds = {"holds": checkpoints.as_document(checkpoint)}
        return Response(CheckpointSerializer(checkpoint).data | holds)


class Restore(Resource):
    """`projects/{project_id}/checkpoints/{number}/restore`."""

    tag = "control"
    rights = {"POST": "project.control"}
    problems = {"GET": (409,), "POST": (409, 412)}
    serializer_class = RestoreGivenSerializer

    @operation(
        "checkpoints_preview",
        "See what going back would do",
        "Steps that would be void and kept, approvals that would lapse, effects that nothing undoes, money that stays "
        "spent. Nothing is changed; the digest confirms it.",
        parameters=[RestoreQuery],
        responses={200: RestorePreviewSerializer},
        examples=[answered(examples.RESTORE_PREVIEW)],
    )
    def get(self, request: Request, project_id: str, number: str) -> Response:
        """The preview."""
        wish = self.query(RestoreQuery)
        project = self.project(project_id)
        return Response(restoring.preview(project_id=project.pk, number=_number(number), **wish).to_json())

    @operation(
        "checkpoints_restore",
        "Go back to a checkpoint",
        "Of a project that is paused, failed or completed, and of which no step runs. Nothing that was committed is "
        "overwritten: the phases get their next round, with what was settled then. A paused project stays paused. With "
        "`event`, to after a later event of the history. 409 where the preview of the digest is not true any more.",
        parameters=[IF_MATCH, IDEMPOTENCY_KEY],
        request=RestoreGivenSerializer,
        responses={202: RestoredSerializer},
        examples=[
            asked({"digest": examples.DIGEST, "reason": "The facts were those of last year."}),
            answered(examples.RESTORED, 202),
        ],
    )
    def post(self, request: Request, project_id: str, number: str) -> Response:
        """Go back."""
        wish = checked(RestoreGivenSerializer, request.data)
        done: list[restoring.Restored] = []

        def act(project_id: UUID) -> Project:
            done.append(restoring.restore(project_id=project_id, actor=self.actor, number=_number(number), **wish))
            return done[-1].project

        def restored() -> Response:
            self.steer(project_id, act)
            return Response(RestoredSerializer(_told(done[-1])).data, status=202)

        return idempotency.once(request, restored)


def _told(restored: restoring.Restored) -> dict[str, object]:
    project = Project.objects.select_related("blueprint", "owner").get(pk=restored.project.pk)
    return {"project": project, "preview": restored.preview.to_json(), "before": restored.before}


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise CheckpointNotFound(f"{text[:20]!r} is no number of a checkpoint.")
    return int(text)
