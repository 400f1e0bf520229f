"""``schedule``: start a project of a blueprint by the clock."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from orchestrator_site.access.actors import Actor
from orchestrator_site.access.roles import Capability
from orchestrator_site.commanding.output import PhasegateCommand
from orchestrator_site.commanding.people import actor_named
from orchestrator_site.conf import PRIORITIES
from projects.management.describing import schedule_document
from projects.management.given import blueprint_named, inputs_of
from projects.models import BlueprintVersion
from projects.models.schedule import CatchUp
from projects.services import schedules
from projects.services.registration import definition_of


class Command(PhasegateCommand):
    """Make a schedule."""

    help = "Start a project of a blueprint at each slot of a crontab: one project a slot, whatever happens."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        parser.add_argument("name", help="of the schedule")
        parser.add_argument("blueprint", help="name, name@version, or path of a YAML file")
        parser.add_argument("crontab", help='"minute hour day-of-month month day-of-week", such as "*/5 * * * *"')
        parser.add_argument("--input", action="append", default=[], metavar="NAME=VALUE", help="an input")
        parser.add_argument("--inputs-file", metavar="FILE", help="inputs from a .json or .yaml file")
        parser.add_argument("--intent", default="", metavar="TEXT", help="what is wanted, in words")
        parser.add_argument("--priority", choices=PRIORITIES, default="normal", help="default: normal")
        parser.add_argument("--tz", default="UTC", metavar="ZONE", help="such as Europe/Berlin; default: UTC")
        parser.add_argument(
            "--catch-up", choices=CatchUp.values, default=CatchUp.LATEST.value, help="what of missed slots is started"
        )
        parser.add_argument("--user", metavar="NAME", help="in whose name; default: the system's")

    def handle(self, *_: Any, **options: Any) -> None:
        """Make it, and tell its next slot."""
        actor = actor_named(options["user"])
        version = _blueprint(options["blueprint"], actor)
        schedule = schedules.create(
            name=options["name"],
            blueprint=_kept_name(options["blueprint"], version),
            crontab=options["crontab"],
            timezone=options["tz"],
            inputs=inputs_of(options["input"], options["inputs_file"], definition_of(version).inputs),
            intent=options["intent"],
            priority=options["priority"],
            catch_up=options["catch_up"],
            actor=actor,
        )
        if options["json"]:
            self.write_json({"schedule": schedule_document(schedule)})
        else:
            self.stdout.write(
                f"Schedule {schedule.name!r}: a project of {schedule.blueprint}, next at "
                f"{schedule.next_at:%Y-%m-%d %H:%M} UTC."
            )


def _blueprint(name: str, actor: Actor) -> BlueprintVersion:
    actor.require(Capability.PROJECT_START)
    if name.endswith((".yaml", ".yml")):
        actor.require(Capability.BLUEPRINT_REGISTER)
    return blueprint_named(name)


def _kept_name(said: str, version: BlueprintVersion) -> str:
    """As it was said; a file by the version that was registered from it, for files move."""
    return f"{version.name}@{version.version}" if said.endswith((".yaml", ".yml")) else said
