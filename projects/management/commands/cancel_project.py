"""``cancel_project``: end a project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from orchestrator_site.commanding.output import Usage
from orchestrator_site.commanding.people import actor_named
from projects.management.finding import project_of
from projects.management.previewing import add_confirmation, preview_lines
from projects.management.steering import SteeringCommand
from projects.services import previews


class Command(SteeringCommand):
    """Cancel projects."""

    verb = "cancel"
    help = "End projects and those below them: nothing starts any more, and each is over once what runs has ended."

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
        if options["all"] or len(options["id"]) != 1:
            raise Usage("A preview is of one project: name it by its id.")
        actor = actor_named(options["user"])
        preview = previews.preview_cancel(project_id=project_of(options["id"][0], actor).pk, actor=actor)
        if options["json"]:
            self.write_json({"preview": preview.to_json()})
        else:
            self.stdout.write("\n".join(preview_lines(preview)))

    def options_of(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """What it asks beside the reason."""
        return {"force": options["force"], "cleanup": options["cleanup"], "preview_digest": options["digest"]}
