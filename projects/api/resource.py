"""The base of this application's views: what a path says of a project, and how one is steered."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.db import transaction

from orchestrator_site.api import resource
from orchestrator_site.api.resource import uuid_of
from projects.api import conditional
from projects.errors import ProjectNotFound
from projects.models import Project
from projects.services import control


class Resource(resource.Resource):
    """A resource of a project, of approvals, of blueprints and so on."""

    path_parameters = {
        "project_id": ("The id of a project (UUIDv7).", {"type": "string", "format": "uuid"}),
        "other_id": ("The id of the other project (UUIDv7).", {"type": "string", "format": "uuid"}),
        "number": ("The number of a checkpoint.", {"type": "integer", "minimum": 1}),
        "snapshot_id": ("The id of an imported snapshot (UUIDv7).", {"type": "string", "format": "uuid"}),
        "approval_id": ("The id of an approval (UUIDv7).", {"type": "string", "format": "uuid"}),
        "budget_id": ("The number of a budget.", {"type": "integer"}),
        "schedule_id": ("The id of a schedule (UUIDv7).", {"type": "string", "format": "uuid"}),
        "document_id": ("The id of a document (UUIDv7).", {"type": "string", "format": "uuid"}),
        "key": ("The key of a step; of an item with its index: `calls[3]`.", {"type": "string"}),
        "lease_token": (
            "The lease token that came with the work: all the authority that is needed.",
            {"type": "string", "pattern": "^[0-9a-f]{32}[.][1-9][0-9]{0,8}:[A-Za-z0-9_-]{43}$"},
        ),
        "name": (
            "The name of a blueprint; `name@2` for a version, else the latest.",
            {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*(@[0-9]{1,9})?$"},
        ),
    }
    refusals = {
        403: ("forbidden", "This needs the right project.control."),
        404: ("project_not_found", "There is no project 0193a1f2-…"),
        409: ("refused_in_state", "Project 0193a1f2-… is completed already."),
        412: ("precondition_failed", "The project has changed: read it."),
        422: ("fields_invalid", "blueprint: This field is required."),
    }

    def project(self, project_id: str) -> Project:
        """The project of a path, if the actor may see it. Raises ``ProjectNotFound``."""
        return control.find_project(project_id=uuid_of(project_id, ProjectNotFound), actor=self.actor)

    def steer(self, project_id: str, act: Callable[[UUID], Project]) -> Project:
        """Act on a project that the client has seen as it is (``If-Match``); both under one lock."""
        found = self.project(project_id)
        with transaction.atomic():
            locked = Project.objects.lock_for_control(found.pk)
            if locked is not None:
                conditional.check_match(self.request, locked)
            return act(found.pk)


class ListResource(resource.ListResource, Resource):
    """A list of such, in cursor pages."""
