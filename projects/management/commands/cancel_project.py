"""``cancel_project``: end a project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from orchestrator_site.access.actors import Actor
from projects.management.steering import SteeringCommand
from projects.models import Project
from projects.services import control


class Command(SteeringCommand):
    """Cancel a project."""

    help = "End a project: nothing starts any more, and it is over once what runs has ended."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        super().add_arguments(parser)
        parser.add_argument("--force", action="store_true", help="refuse the results of running steps")
        parser.add_argument("--cleanup", action="store_true", help="also remove its knowledge graph")

    def steer(self, project: Project, actor: Actor, options: Mapping[str, Any]) -> Project:
        """Cancel it."""
        return control.cancel(
            project_id=project.pk,
            actor=actor,
            reason=options["reason"],
            force=options["force"],
            cleanup=options["cleanup"],
        )
