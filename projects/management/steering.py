"""What starting, pausing, resuming and cancelling from the command line have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.core.management.base import CommandParser

from orchestrator_site.access.roles import Capability
from orchestrator_site.commanding.output import REFUSED, PhasegateCommand, Usage
from orchestrator_site.commanding.people import actor_named
from projects.management.describing import project_document
from projects.management.finding import project_of
from projects.models import Project
from projects.services import many
from projects.services.progressing import next_action


class SteeringCommand(PhasegateCommand):
    """Finds the projects, has them steered, and tells how they stand then.

    One that is named alone is told whole, and its refusal is the command's; of several each has its own outcome.
    """

    verb: ClassVar[str]
    right: ClassVar[Capability] = Capability.PROJECT_CONTROL

    def add_arguments(self, parser: CommandParser) -> None:
        """Which projects, and the reason; commands add their own."""
        parser.add_argument("id", nargs="*", help="of the project, or its last digits; of several, one after another")
        parser.add_argument("--all", action="store_true", help="every project of which it can be asked")
        parser.add_argument("--blueprint", metavar="NAME", help="with --all: of this blueprint only")
        parser.add_argument("--owner", metavar="USER", help="with --all: of this owner only")
        self.add_reason(parser)
        parser.add_argument("--user", metavar="NAME", help="in whose name; default: the system's")

    def add_reason(self, parser: CommandParser) -> None:
        """Why it is done, of a verb that keeps it."""
        parser.add_argument("--reason", default="", metavar="TEXT", help="why, for the history")

    def handle(self, *_: Any, **options: Any) -> None:
        """Find, steer, tell."""
        actor = actor_named(options["user"])
        actor.require(self.right)
        check_selection(options)
        reason = {"reason": options["reason"]} if "reason" in options else {}
        wish = {"actor": actor, **reason, **self.options_of(options)}
        if options["all"]:
            self._tell_all(self._all(options, wish), as_json=options["json"])
        elif len(options["id"]) == 1:
            self._one(project_of(options["id"][0], actor), options, wish)
        else:
            self._tell_all(self._several(options, wish), as_json=options["json"])

    def options_of(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """What the command hands to the service beside the reason."""
        return {}

    def _one(self, project: Project, options: Mapping[str, Any], wish: Mapping[str, Any]) -> None:
        many.VERBS[self.verb](project_id=project.pk, **wish)
        project = Project.objects.select_related("blueprint", "owner").get(pk=project.pk)
        if options["json"]:
            self.write_json({"project": project_document(project)})
        else:
            self.stdout.write(f"Project {project.pk}: {next_action(project)}")

    def _several(self, options: Mapping[str, Any], wish: Mapping[str, Any]) -> many.Batch:
        ids = [project_of(text, wish["actor"]).pk for text in options["id"]]
        return many.steer(self.verb, ids, **wish)

    def _all(self, options: Mapping[str, Any], wish: Mapping[str, Any]) -> many.Batch:
        """All of the filter: batch after batch, for as long as each gets on."""
        outcomes: list[many.Outcome] = []
        while True:
            batch = many.steer_all(self.verb, blueprint=options["blueprint"], owner=options["owner"], **wish)
            outcomes += batch.outcomes
            if not batch.left or not any(outcome.done for outcome in batch.outcomes):
                return many.Batch(tuple(outcomes), batch.left)

    def _tell_all(self, batch: many.Batch, *, as_json: bool) -> None:
        if as_json:
            self.write_json({"results": [outcome.to_json() for outcome in batch.outcomes], "left": batch.left})
        else:
            self._tell_people(batch.outcomes)
        if not batch.all_done:
            self.end(REFUSED)

    def _tell_people(self, outcomes: Sequence[many.Outcome]) -> None:
        found = {str(project.pk): project for project in Project.objects.filter(pk__in=[each.id for each in outcomes])}
        for outcome in outcomes:
            project = found.get(outcome.id)
            if outcome.done and project is not None:
                self.stdout.write(f"Project {outcome.id}: {next_action(project)}")
            else:
                self.note(f"Refused: {outcome.message}")
        done = sum(outcome.done for outcome in outcomes)
        words = {"start": "started", "pause": "paused", "resume": "resumed", "cancel": "cancelled"}
        self.stdout.write(f"{done} of {len(outcomes)} projects {words[self.verb]}." if outcomes else "There is none.")


def check_selection(options: Mapping[str, Any]) -> None:
    """Raise ``Usage`` where neither ids nor a filter say which projects are meant, or both do."""
    if bool(options["id"]) == bool(options["all"]):
        raise Usage("Name the projects by their ids, or give --all; one of the two.")
    if not options["all"] and (options["blueprint"] or options["owner"]):
        raise Usage("--blueprint and --owner choose among all projects: give --all with them.")
