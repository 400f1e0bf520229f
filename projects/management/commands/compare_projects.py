"""``compare_projects``: two projects side by side, and what became of one's findings in the other."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from orchestrator_site.access.actors import system_actor
from orchestrator_site.commanding.output import PhasegateCommand
from projects.management.finding import project_of
from projects.reports.render_text import content_as_text
from projects.reports.side_by_side import side_by_side


class Command(PhasegateCommand):
    """Compare two projects."""

    help = "Two projects side by side: inputs, plan, steps, and requirement by requirement where both report on those."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        parser.add_argument("a", metavar="A", help="the earlier project")
        parser.add_argument("b", metavar="B", help="the later project")

    def handle(self, *_: Any, **options: Any) -> None:
        """Find both, compare, tell."""
        a, b = (project_of(options[name], system_actor()) for name in ("a", "b"))
        compared = side_by_side(a, b)
        if options["json"]:
            told = compared.to_json()
            heads = {"a": str(a.pk), "b": str(b.pk), "comparison": told.pop("findings")}
            self.write_json({**heads, "projects": {"a": told.pop("a"), "b": told.pop("b")}, "differences": told})
        else:
            self.stdout.write(f"A: {a.title}, {a.pk} ({a.state})")
            self.stdout.write(f"B: {b.title}, {b.pk} ({b.state})\n")
            self.stdout.write(content_as_text(compared.content()))
