"""``pause_project``: let no further step start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator_site.access.actors import Actor
from projects.management.steering import SteeringCommand
from projects.models import Project
from projects.services import control


class Command(SteeringCommand):
    """Pause a project."""

    help = "Let no further step of a project start; what runs may finish, and deadlines stand still."

    def steer(self, project: Project, actor: Actor, options: Mapping[str, Any]) -> Project:
        """Pause it."""
        return control.pause(project_id=project.pk, actor=actor, reason=options["reason"])
