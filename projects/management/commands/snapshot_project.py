"""``snapshot_project``: everything about a project now, as one JSON document."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from orchestrator_site.access.actors import system_actor
from orchestrator_site.commanding.output import PhasegateCommand
from projects.management.finding import project_of
from projects.management.given import write_file
from projects.services import snapshots


class Command(PhasegateCommand):
    """Take a snapshot of a project."""

    help = "Everything about a project now, as one JSON document with its own digest."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        parser.add_argument("id", help="of the project, or its last digits")
        parser.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
        parser.add_argument("--with-documents", action="store_true", help="with their content, in base64")

    def handle(self, *_: Any, **options: Any) -> None:
        """Find, take, write."""
        project = project_of(options["id"], system_actor())
        taken = snapshots.snapshot(project_id=project.pk, with_documents=options["with_documents"])
        if options["output"] is None:
            self.write_json(taken)
            return
        path = write_file(options["output"], json.dumps(taken, indent=2) + "\n")
        if options["json"]:
            self.write_json({"project": str(project.pk), "file": str(path), "sha256": taken["sha256"]})
        else:
            self.stdout.write(f"Wrote {path} (digest of its content: {taken['sha256']}).")
