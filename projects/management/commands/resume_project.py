"""``resume_project``: go on after a pause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator_site.access.actors import Actor
from projects.management.steering import SteeringCommand
from projects.models import Project
from projects.services import control


class Command(SteeringCommand):
    """Resume a project."""

    help = "Go on with a paused project; its deadlines are moved by the length of the pause."

    def steer(self, project: Project, actor: Actor, options: Mapping[str, Any]) -> Project:
        """Resume it."""
        return control.resume(project_id=project.pk, actor=actor, reason=options["reason"])
