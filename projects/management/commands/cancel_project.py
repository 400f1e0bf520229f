"""``cancel_project``: end a project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from orchestrator_site.access.actors import Actor
from projects.management.finding import project_of
from projects.management.people import actor_named
from projects.management.previewing import add_confirmation, preview_lines
from projects.management.steering import SteeringCommand
from projects.models import Project
from projects.services import control, previews


class Command(SteeringCommand):
    """Cancel a project."""

    help = "End a project: nothing starts any more, and it is over once what runs has ended."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        super().add_arguments(parser)
        parser.add_argument("--force", action="store_true", help="refuse the results of running steps")
        parser.add_argument("--cleanup", action="store_true", help="also remove its knowledge graph")
        add_confirmation(parser)

    def handle(self, *arguments: Any, **options: Any) -> None:
        """Only show it, or do it."""
        if not options["preview"]:
            super().handle(*arguments, **options)
            return
        actor = actor_named(options["user"])
        preview = previews.preview_cancel(project_id=project_of(options["id"], actor).pk, actor=actor)
        if options["json"]:
            self.write_json({"preview": preview.to_json()})
        else:
            self.stdout.write("\n".join(preview_lines(preview)))

    def steer(self, project: Project, actor: Actor, options: Mapping[str, Any]) -> Project:
        """Cancel it."""
        return control.cancel(
            project_id=project.pk,
            actor=actor,
            reason=options["reason"],
            force=options["force"],
            cleanup=options["cleanup"],
            preview_digest=options["digest"],
        )
