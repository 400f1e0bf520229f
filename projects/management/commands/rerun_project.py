"""``rerun_project``: the same job as a new project, from the start or from a step on."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from orchestrator_site.access.roles import Capability
from orchestrator_site.commanding.output import DONE, FAILED, PhasegateCommand
from orchestrator_site.commanding.people import actor_named
from projects.management.describing import project_document
from projects.management.finding import project_of
from projects.management.previewing import add_confirmation, can_ask, confirmed, rerun_preview_lines
from projects.management.waiting import wait_for
from projects.models import Project
from projects.services import rerunning
from projects.services.rerunning import RerunPreview
from projects.states import ProjectState


class Command(PhasegateCommand):
    """Run a project again."""

    help = "The same job as a new project, begun; with --from, what does not come after that step is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        parser.add_argument("id", help="of the project, or its last digits")
        parser.add_argument("--from", dest="from_step", metavar="STEP", help="keep everything that is not after it")
        parser.add_argument("--auto-approve", action="store_true", help="approve every approval beforehand")
        parser.add_argument("--wait", action="store_true", help="show progress until it is over")
        add_confirmation(parser)
        parser.add_argument("--user", metavar="NAME", help="in whose name; default: the system's")

    def handle(self, *_: Any, **options: Any) -> None:
        """Find, make, tell, wait."""
        actor = actor_named(options["user"])
        actor.require(Capability.PROJECT_START)
        if options["auto_approve"]:
            actor.require(Capability.PROJECT_AUTO_APPROVE)
        earlier = project_of(options["id"], actor)
        wish = {"project_id": earlier.pk, "actor": actor, "from_step": options["from_step"]}
        digest = options["digest"]
        if options["preview"]:
            self._show(rerunning.preview(**wish), as_json=options["json"])
            return
        if options["from_step"] is not None and can_ask(options):
            preview = rerunning.preview(**wish)
            if not confirmed(self, rerun_preview_lines(preview), options):
                self.note("Nothing was made.")
                return
            digest = preview.digest
        project = rerunning.rerun(**wish, auto_approve=options["auto_approve"], preview_digest=digest)
        self._report(project, earlier, options)

    def _show(self, preview: RerunPreview, *, as_json: bool) -> None:
        if as_json:
            self.write_json({"preview": preview.to_json()})
        else:
            self.stdout.write("\n".join(rerun_preview_lines(preview)))

    def _report(self, project: Project, earlier: Project, options: dict[str, Any]) -> None:
        if not options["json"]:
            self.stdout.write(f"Project {project.pk} runs {earlier.short_id} again.")
        if options["wait"]:
            project = wait_for(project, self)
        if options["json"]:
            self.write_json({"project": project_document(project), "rerun_of": str(earlier.pk)})
        failed = project.state in (ProjectState.FAILED, ProjectState.CANCELLED)
        if status := FAILED if failed else DONE:
            self.end(status)
