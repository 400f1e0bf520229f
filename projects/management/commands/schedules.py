"""``schedules``: those there are; enabled, disabled, removed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from agents.reporting import Table
from orchestrator_site.commanding.output import PhasegateCommand
from orchestrator_site.commanding.people import actor_named
from orchestrator_site.showing.numbers import counted
from projects.management.describing import schedule_document
from projects.models import Schedule
from projects.reports.durations import moment
from projects.reports.render_text import sections_as_text
from projects.services import crontabs, schedules


class Command(PhasegateCommand):
    """List schedules, or steer one."""

    help = "List schedules; or enable, disable or remove one."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--enable", metavar="NAME", help="go on with it, from its next slot on")
        which.add_argument("--disable", metavar="NAME", help="start nothing by it until it is enabled")
        which.add_argument("--remove", metavar="NAME", help="remove it; the projects that it started stay")
        parser.add_argument("--reason", default="", metavar="TEXT", help="why, for the history")
        parser.add_argument("--user", metavar="NAME", help="in whose name; default: the system's")

    def handle(self, *_: Any, **options: Any) -> None:
        """Steer if asked, then list."""
        actor = actor_named(options["user"])
        for verb in ("enable", "disable"):
            if options[verb]:
                found = schedules.find(name_or_id=options[verb], actor=actor)
                schedules.change(schedule=found, actor=actor, reason=options["reason"], enabled=verb == "enable")
        if options["remove"]:
            found = schedules.find(name_or_id=options["remove"], actor=actor)
            schedules.remove(schedule=found, actor=actor, reason=options["reason"])
            if not options["json"]:
                self.stdout.write(f"Schedule {found.name!r} is removed; the projects that it started stay.")
        self._list(list(schedules.visible_to(actor).order_by("name")), as_json=options["json"])

    def _list(self, found: list[Schedule], *, as_json: bool) -> None:
        if as_json:
            self.write_json({"schedules": [schedule_document(schedule) for schedule in found]})
            return
        rows = tuple(_row(schedule) for schedule in found)
        columns = ("Name", "Blueprint", "Crontab", "Zone", "Next, UTC", "Missed", "Failure")
        table = Table(counted(len(found), "schedule"), columns, rows, empty="There is none.")
        self.stdout.write(sections_as_text("Schedules", [table]))


def _row(schedule: Schedule) -> tuple[str, ...]:
    return (
        schedule.name,
        schedule.blueprint,
        crontabs.written(schedule.crontab),
        str(schedule.crontab.timezone),
        moment(schedule.next_at) if schedule.enabled else "disabled",
        schedule.catch_up,
        schedule.failure,
    )
