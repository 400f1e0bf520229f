"""Projects: listed, made, read, and cancelled."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import transaction
from django.urls import reverse
from drf_spectacular.utils import OpenApiRequest
from rest_framework.request import Request
from rest_framework.response import Response

from orchestrator_site.api import idempotency
from orchestrator_site.api.operations import (
    ETAG,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    LOCATION,
    NOT_MODIFIED,
    answered,
    asked,
    operation,
)
from orchestrator_site.api.selection import check_fields, only
from orchestrator_site.errors import Forbidden
from projects.api import conditional, examples
from projects.api.bodies import ProjectGiven, project_given
from projects.api.filters import (
    PROJECT_ORDERS,
    FieldsQuery,
    ProjectQuery,
    filter_projects,
)
from projects.api.resource import ListResource, Resource
from projects.api.serializers.projects import (
    CancelSerializer,
    ProjectCreatedSerializer,
    ProjectDetailSerializer,
    ProjectFormSerializer,
    ProjectGivenSerializer,
    ProjectSerializer,
)
from projects.errors import AfterNotFound, KeyTaken
from projects.models import Project
from projects.services import control, creating
from projects.services.registration import find_blueprint

FORM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "project": {"type": "string", "description": "The JSON of the body, or send its fields one by one."},
        "blueprint": {"type": "string"},
        "inputs": {"type": "string", "description": "A JSON object."},
        "intent": {"type": "string"},
        "title": {"type": "string"},
        "priority": {"type": "string", "enum": ["critical", "high", "normal", "low"]},
        "key": {"type": "string"},
        "document": {
            "type": "array",
            "items": {"type": "string", "contentMediaType": "application/octet-stream"},
        },
    },
}


class ProjectList(ListResource):
    """`projects`."""

    tag = "projects"
    rights = {"POST": "project.start"}
    problems = {"POST": (404, 409)}
    serializer_class = ProjectGivenSerializer
    form_class = ProjectFormSerializer

    @operation(
        "projects_list",
        "List projects",
        "The projects that you may see, the latest first, in cursor pages.",
        parameters=[ProjectQuery],
        responses={200: ProjectSerializer(many=True)},
        examples=[answered(examples.PROJECT)],
    )
    def get(self, request: Request) -> Response:
        """A page of projects."""
        query = self.query(ProjectQuery)
        wanted = query.get("fields")
        check_fields(ProjectSerializer, wanted)
        visible = Project.objects.visible_to(self.actor).select_related("blueprint", "owner")
        rows = filter_projects(visible.defer("blueprint__source", "blueprint__definition", "variables"), query)
        return self.paged(rows, ProjectSerializer, order=PROJECT_ORDERS[query["ordering"]], fields=wanted)

    @operation(
        "projects_create",
        "Start a project",
        "Makes a project of a blueprint and begins it at once, unless `start` is false. Nothing is written "
        "unless everything is right. A project that does the same job already (the same `key`; or the same "
        "inputs, intent and documents, where the blueprint says `deduplicate`) is given back with 200 and "
        "`existing`.",
        parameters=[IDEMPOTENCY_KEY, LOCATION],
        request={
            "application/json": ProjectGivenSerializer,
            "multipart/form-data": OpenApiRequest(
                FORM_SCHEMA, examples=[asked({"blueprint": "hello"}, "form", "multipart/form-data")]
            ),
        },
        responses={200: ProjectCreatedSerializer, 201: ProjectCreatedSerializer},
        examples=[
            asked(examples.PROJECT_GIVEN),
            answered(examples.PROJECT_DETAIL | {"existing": False}, 201, name="made"),
            answered(examples.PROJECT_DETAIL | {"existing": True}, 200, name="found"),
        ],
    )
    def post(self, request: Request) -> Response:
        """Make one."""
        return idempotency.once(request, lambda: self._made(project_given(request)))

    def _made(self, given: ProjectGiven) -> Response:
        fields = dict(given.fields)
        if fields.get("auto_approve") and not self.actor.may("project.auto_approve"):
            raise Forbidden("Approving beforehand needs the right project.auto_approve: leave `auto_approve` out.")
        begin = fields.pop("start", True)
        self._check_before(fields.get("after", ()))
        blueprint = find_blueprint(fields.pop("blueprint"))
        with transaction.atomic():
            created = self._created(blueprint=blueprint, documents=given.documents, **fields)
            if created.is_new and begin:
                control.start(project_id=created.project.pk, actor=self.actor)
        project = control.find_project(project_id=created.project.pk, actor=self.actor)
        data = ProjectCreatedSerializer(project).data | {"existing": not created.is_new}
        place = self.request.build_absolute_uri(reverse("project", args=[project.pk]))
        return Response(data, status=201 if created.is_new else 200, headers={"Location": place})

    def _check_before(self, ids: Collection[UUID]) -> None:
        """Who cannot see a project does not learn by `after` that it is there."""
        seen = Project.objects.visible_to(self.actor).filter(pk__in=ids).values_list("pk", flat=True)
        if missing := sorted(set(ids) - set(seen)):
            raise AfterNotFound(f"There is no project {', '.join(map(str, missing))} to run after.")

    def _created(self, **wanted: Any) -> creating.Created:
        """Made, or found among those that the actor may see; another's job is done anew, another's key is taken."""
        created = creating.create_project(actor=self.actor, **wanted)
        if created.is_new or Project.objects.visible_to(self.actor).filter(pk=created.project.pk).exists():
            return created
        if wanted.get("key") is not None and created.project.key == wanted["key"]:
            raise KeyTaken("A project of somebody else's has this key: take another key.")
        return creating.create_project(actor=self.actor, **{**wanted, "rerun": True})


class ProjectDetail(Resource):
    """`projects/{project_id}`."""

    tag = "projects"
    rights = {"DELETE": "project.control"}
    problems = {"DELETE": (409, 412)}

    @operation(
        "projects_read",
        "Read a project",
        "The project with its phases, its inputs, and the approval that it waits for.",
        parameters=[FieldsQuery, IF_NONE_MATCH, ETAG],
        responses={200: ProjectDetailSerializer, 304: NOT_MODIFIED},
        examples=[answered(examples.PROJECT_DETAIL)],
    )
    def get(self, request: Request, project_id: str) -> Response:
        """One project."""
        wanted = self.query(FieldsQuery).get("fields")
        check_fields(ProjectDetailSerializer, wanted)
        project = self.project(project_id)
        data = only(ProjectDetailSerializer(project).data, wanted)
        return conditional.tagged(request, project, data)

    @operation(
        "projects_delete",
        "Cancel a project",
        "Cancels a project that is not over, as `cancel` does; its data stays. 409 where it is over.",
        parameters=[CancelSerializer, IF_MATCH, IDEMPOTENCY_KEY],
        responses={202: ProjectDetailSerializer},
        examples=[answered(examples.PROJECT_DETAIL, 202)],
    )
    def delete(self, request: Request, project_id: str) -> Response:
        """Cancel it: what has happened is never removed."""
        wish = self.query(CancelSerializer)

        def cancelled() -> Response:
            project = self.steer(project_id, lambda pk: control.cancel(project_id=pk, actor=self.actor, **wish))
            return Response(ProjectDetailSerializer(project).data, status=202)

        return idempotency.once(request, cancelled)
