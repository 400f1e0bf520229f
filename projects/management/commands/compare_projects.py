"""``compare_projects``: what became of one project's findings in another."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from orchestrator_site.access.actors import system_actor
from projects.management.finding import project_of
from projects.management.output import PhasegateCommand
from projects.reports.comparing import compare_projects
from projects.reports.render_text import content_as_text


class Command(PhasegateCommand):
    """Compare two projects."""

    help = "Compare two projects of the same kind, requirement by requirement."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        parser.add_argument("a", metavar="A", help="the earlier project")
        parser.add_argument("b", metavar="B", help="the later project")

    def handle(self, *_: Any, **options: Any) -> None:
        """Find both, compare, tell."""
        a, b = (project_of(options[name], system_actor()) for name in ("a", "b"))
        content = compare_projects(a, b)
        if options["json"]:
            self.write_json({"a": str(a.pk), "b": str(b.pk), "comparison": content.to_json()})
        else:
            self.stdout.write(f"A: {a.title}, {a.pk} ({a.state})")
            self.stdout.write(f"B: {b.title}, {b.pk} ({b.state})\n")
            self.stdout.write(content_as_text(content))
