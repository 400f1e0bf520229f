"""``list_projects``: the projects, newest first, or figures about them."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.db.models import Avg, Count, F, Q

from agents.reporting import Facts, Table
from orchestrator_site.access.actors import system_actor
from orchestrator_site.commanding.output import PhasegateCommand, Usage
from projects.management.describing import project_document
from projects.models import Project
from projects.querysets.projects import ProjectQuerySet
from projects.reports.durations import in_words
from projects.reports.render_text import sections_as_text
from projects.states import Directive, ProjectState

_PAUSED = "paused"  # no state of its own, but what people ask for


class Command(PhasegateCommand):
    """List projects."""

    help = "List projects, newest first; with --stats figures about them."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        states = [*(state.value for state in ProjectState), _PAUSED]
        parser.add_argument("--state", choices=states, help="in this state only")
        parser.add_argument("--blueprint", metavar="NAME", help="of this blueprint only")
        parser.add_argument("--owner", metavar="USER", help="of this owner only")
        parser.add_argument("--stats", action="store_true", help="figures instead of a list")
        parser.add_argument("--limit", type=int, default=20, metavar="N", help="at most N (default: 20)")

    def handle(self, *_: Any, **options: Any) -> None:
        """Filter, then list or count."""
        if options["limit"] < 1:
            raise Usage(f"--limit {options['limit']}: give a number from 1.")
        found = _filtered(options)
        if options["stats"]:
            self._stats(found, as_json=options["json"])
        else:
            self._list(found, options["limit"], as_json=options["json"])

    def _list(self, found: ProjectQuerySet, limit: int, *, as_json: bool) -> None:
        projects = list(found.order_by("-id")[:limit])
        total = found.count()
        if as_json:
            self.write_json({"total": total, "projects": [project_document(project) for project in projects]})
            return
        rows = tuple(_row(project) for project in projects)
        columns = ("Id", "Title", "Blueprint", "State", "Owner", "Created, UTC")
        title = f"{len(projects)} of {total} projects, newest first"
        self.stdout.write(sections_as_text("Projects", [Table(title, columns, rows)]))

    def _stats(self, found: ProjectQuerySet, *, as_json: bool) -> None:
        figures = _figures(found)
        if as_json:
            self.write_json(figures)
            return
        by_state = Facts("By state", tuple(figures["by_state"].items()))
        rows = tuple(
            (
                each["blueprint"],
                each["projects"],
                each["completed"],
                each["failed"],
                in_words(each["mean_seconds"]),
            )
            for each in figures["by_blueprint"]
        )
        columns = ("Blueprint", "Projects", "Completed", "Failed", "Mean duration")
        total = f"{figures['total']} projects"
        self.stdout.write(sections_as_text(total, [by_state, Table("By blueprint", columns, rows)]))


def _filtered(options: dict[str, Any]) -> ProjectQuerySet:
    found = Project.objects.visible_to(system_actor()).select_related("blueprint", "owner")
    if options["state"] == _PAUSED:
        found = found.live().filter(directive=Directive.PAUSE)
    elif options["state"]:
        found = found.filter(state=options["state"])
    if options["blueprint"]:
        found = found.filter(blueprint__name=options["blueprint"])
    if options["owner"]:
        found = found.filter(owner__username=options["owner"])
    return found


def _row(project: Project) -> tuple[str, ...]:
    paused = not project.is_over and project.directive == Directive.PAUSE
    return (
        project.short_id,
        project.title,
        str(project.blueprint),
        _PAUSED if paused else project.state,
        project.owner.get_username() if project.owner else "",
        f"{project.created_at:%Y-%m-%d %H:%M}",
    )


def _figures(found: ProjectQuerySet) -> dict[str, Any]:
    """Counts by state, and by blueprint with the mean duration of completed ones in seconds."""
    counted = dict(found.order_by().values_list("state").annotate(number=Count("id")))
    took = Avg(F("finished_at") - F("started_at"), filter=Q(state=ProjectState.COMPLETED))
    by_blueprint = (
        found.order_by()
        .values(blueprint_name=F("blueprint__name"))
        .annotate(
            projects=Count("id"),
            completed=Count("id", filter=Q(state=ProjectState.COMPLETED)),
            failed=Count("id", filter=Q(state=ProjectState.FAILED)),
            took=took,
        )
    )
    return {
        "total": sum(counted.values()),
        "by_state": {state.value: counted.get(state.value, 0) for state in ProjectState},
        "by_blueprint": [
            {
                "blueprint": each["blueprint_name"],
                "projects": each["projects"],
                "completed": each["completed"],
                "failed": each["failed"],
                "mean_seconds": round(each["took"].total_seconds(), 3) if each["took"] is not None else None,
            }
            for each in by_blueprint.order_by("blueprint_name")
        ],
    }
