"""``start_project``: make a project of a blueprint, begin it, and if asked for wait for its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from orchestrator_site.access.actors import Actor
from orchestrator_site.access.roles import Capability
from orchestrator_site.commanding.output import DONE, FAILED, PhasegateCommand, Usage
from orchestrator_site.commanding.people import actor_named
from orchestrator_site.conf import PRIORITIES
from projects.management.describing import project_document
from projects.management.finding import project_of
from projects.management.given import blueprint_named, budgets_of, document_at, inputs_of
from projects.management.waiting import wait_for
from projects.management.workforce import somebody_works
from projects.models import Project
from projects.services import control, creating
from projects.services.creating import Created
from projects.services.registration import definition_of
from projects.states import ProjectState


class Command(PhasegateCommand):
    """Start a project."""

    help = "Make a project of a blueprint and start it. The same job is recognised and not done twice."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        parser.add_argument("blueprint", help="name, name@version, or path of a YAML file")
        parser.add_argument("--input", action="append", default=[], metavar="NAME=VALUE", help="an input")
        parser.add_argument("--inputs-file", metavar="FILE", help="inputs from a .json or .yaml file")
        parser.add_argument("--intent", default="", metavar="TEXT", help="what is wanted, in words")
        parser.add_argument("--document", action="append", default=[], metavar="PATH", help="a document")
        parser.add_argument("--priority", choices=PRIORITIES, default="normal", help="default: normal")
        parser.add_argument("--key", help="one project a key: a second call gives the first one's project")
        parser.add_argument("--after", action="append", default=[], metavar="PROJECT", help="begin after it")
        parser.add_argument(
            "--budget", action="append", default=[], metavar="MEASURE=SOFT:HARD", help="a limit, such as cost=5:10"
        )
        parser.add_argument("--deadline", metavar="DURATION", help="be over within so long from now: 2h, 90s, 7d")
        parser.add_argument("--title", default="", help="default: the blueprint's")
        parser.add_argument("--rerun", action="store_true", help="do it again, even if it was done before")
        parser.add_argument("--later", action="store_true", help="only make it; begin_project begins it")
        parser.add_argument("--wait", action="store_true", help="show progress until it is over")
        parser.add_argument("--auto-approve", action="store_true", help="approve every approval beforehand")
        parser.add_argument("--user", metavar="NAME", help="in whose name; default: the system's")

    def handle(self, *_: Any, **options: Any) -> None:
        """Create, begin, tell, wait."""
        actor = actor_named(options["user"])
        _check_rights(actor, options)
        if options["later"] and options["wait"]:
            raise Usage("What is begun --later cannot be waited for: leave --wait away, or --later.")
        created = self._create(actor, options)
        project = created.project
        if not options["json"]:
            self._say(created, options)
        if options["wait"]:
            project = wait_for(project, self)
        if options["json"]:
            self.write_json({"project": project_document(project), "is_new": created.is_new})
        if status := status_of(project):
            self.end(status)

    def _create(self, actor: Actor, options: dict[str, Any]) -> Created:
        blueprint = blueprint_named(options["blueprint"])
        inputs = inputs_of(options["input"], options["inputs_file"], definition_of(blueprint).inputs)
        documents = [document_at(Path(path)) for path in options["document"]]
        limits = budgets_of(options["budget"])
        after = [project_of(text, actor).pk for text in options["after"]]
        with transaction.atomic():  # one that cannot begin must not be left behind
            created = creating.create_project(
                blueprint=blueprint,
                actor=actor,
                inputs=inputs,
                intent=options["intent"],
                documents=documents,
                title=options["title"],
                priority=options["priority"],
                key=options["key"],
                after=after,
                auto_approve=options["auto_approve"],
                rerun=options["rerun"],
                budgets=limits,
                deadline=options["deadline"],
            )
            project = created.project
            is_due = project.state == ProjectState.PENDING and not options["later"]
            if is_due and (created.is_new or not project.after.exists()):
                project = control.start(project_id=project.pk, actor=actor)
        found = Project.objects.select_related("blueprint", "owner").get(pk=project.pk)
        return Created(found, is_new=created.is_new)

    def _say(self, created: Created, options: dict[str, Any]) -> None:
        project = created.project
        if created.is_new:
            self.stdout.write(f"Project {project.pk} of {project.blueprint} is {_begun(project, options)}.")
        else:
            same = f"with the key {project.key!r}" if options["key"] else "that does the same job"
            again = "choose another key" if options["key"] else "add --rerun"
            self.stdout.write(
                f"There is a project {same} already: {project.pk}, {project.state}. To do it again {again}."
            )
        if not options["wait"]:
            self._say_what_next(project, options)

    def _say_what_next(self, project: Project, options: dict[str, Any]) -> None:
        if options["later"] and project.state == ProjectState.PENDING:
            self.stdout.write(f"Begin it with: manage.py begin_project {project.short_id}")
            return
        if not project.is_over and not somebody_works():
            self.note("No worker runs: start them with `make up`, or give --wait to have some for a while.")
        self.stdout.write(f"Look at it with: manage.py project_status {project.short_id}")


def _check_rights(actor: Actor, options: dict[str, Any]) -> None:
    actor.require(Capability.PROJECT_START)
    if options["auto_approve"]:
        actor.require(Capability.PROJECT_AUTO_APPROVE)
    if options["blueprint"].endswith((".yaml", ".yml")):
        actor.require(Capability.BLUEPRINT_REGISTER)


def status_of(project: Project) -> int:
    """The exit status that tells how a project ended; 0 while it has not."""
    return FAILED if project.state in (ProjectState.FAILED, ProjectState.CANCELLED) else DONE


def _begun(project: Project, options: dict[str, Any]) -> str:
    if project.state != ProjectState.PENDING:
        return "started"
    return "made" if options["later"] else "made, and begins after the others"
