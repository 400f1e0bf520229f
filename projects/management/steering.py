"""What pausing, resuming and cancelling from the command line have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from orchestrator_site.access.actors import Actor
from orchestrator_site.access.roles import Capability
from projects.management.describing import project_document
from projects.management.finding import project_of
from projects.management.output import PhasegateCommand
from projects.management.people import actor_named
from projects.models import Project
from projects.services.progressing import next_action


class SteeringCommand(PhasegateCommand, ABC):
    """Finds the project, has it steered, and tells how it stands then."""

    def add_arguments(self, parser: CommandParser) -> None:
        """The project and the reason; commands add their own."""
        parser.add_argument("id", help="of the project, or its last digits")
        parser.add_argument("--reason", default="", metavar="TEXT", help="why, for the history")
        parser.add_argument("--user", metavar="NAME", help="in whose name; default: the system's")

    def handle(self, *_: Any, **options: Any) -> None:
        """Find, steer, tell."""
        actor = actor_named(options["user"])
        actor.require(Capability.PROJECT_CONTROL)
        project = self.steer(project_of(options["id"], actor), actor, options)
        project = Project.objects.select_related("blueprint", "owner").get(pk=project.pk)
        if options["json"]:
            self.write_json({"project": project_document(project)})
        else:
            self.stdout.write(f"Project {project.pk}: {next_action(project)}")

    @abstractmethod
    def steer(self, project: Project, actor: Actor, options: Mapping[str, Any]) -> Project:
        """Do it, and give back the project."""
