"""``checkpoints``: those of a project; take one, look at what going back would do, and go back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from orchestrator_site.access.actors import Actor
from orchestrator_site.access.roles import Capability
from orchestrator_site.commanding.output import PhasegateCommand, Usage
from orchestrator_site.commanding.people import actor_named
from orchestrator_site.showing.visible import one_line
from projects.management.describing import checkpoint_document, preview_lines, project_document
from projects.management.finding import project_of
from projects.management.previewing import add_confirmation, can_ask, confirmed
from projects.models import Checkpoint, Project
from projects.reports.columns import row_lines
from projects.reports.durations import moment
from projects.services import checkpoints, restoring
from projects.services.progressing import next_action


class Command(PhasegateCommand):
    """List, take, preview, restore."""

    help = "The checkpoints of a project; take one, or go back to one or to any event of its history."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        parser.add_argument("id", help="of the project, or its last digits")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--take", metavar="LABEL", help="take one now, under this label")
        what.add_argument("--restore", type=int, metavar="N", help="go back to checkpoint N")
        what.add_argument("--restore-event", type=int, metavar="E", help="go back to after event E of the history")
        add_confirmation(parser)
        parser.add_argument("--reason", default="", metavar="TEXT", help="why, for the history")
        parser.add_argument("--user", metavar="NAME", help="in whose name; default: the system's")

    def handle(self, *_: Any, **options: Any) -> None:
        """Find, do what is asked, tell."""
        actor = actor_named(options["user"])
        project = project_of(options["id"], actor)
        going_back = options["restore"] is not None or options["restore_event"] is not None
        if (options["preview"] or options["digest"]) and not going_back:
            raise Usage("--preview and --digest go with --restore N or --restore-event E.")
        if options["take"] is not None:
            self._take(project, actor, options)
        elif going_back and options["preview"]:
            self._preview(project, options)
        elif going_back:
            self._restore(project, actor, options)
        else:
            self._list(project, options)

    def _take(self, project: Project, actor: Actor, options: Mapping[str, Any]) -> None:
        actor.require(Capability.PROJECT_CONTROL)
        taken = checkpoints.request(project_id=project.pk, actor=actor, label=options["take"])
        if options["json"]:
            self.write_json({"checkpoint": checkpoint_document(taken)})
        else:
            self.stdout.write(f"Checkpoint {taken.number} of project {project.pk} is taken.")

    def _preview(self, project: Project, options: Mapping[str, Any]) -> None:
        shown = restoring.preview(project_id=project.pk, **_where(options))
        if options["json"]:
            self.write_json({"preview": shown.to_json()})
            return
        self.stdout.write("\n".join(preview_lines(shown)))
        if shown.obstacle:
            return
        where = f"--restore {options['restore']}" if options["restore"] is not None else ""
        where = where or f"--restore-event {options['restore_event']}"
        self.note(f"Confirm it with: manage.py checkpoints {project.short_id} {where} --digest {shown.digest}")

    def _restore(self, project: Project, actor: Actor, options: Mapping[str, Any]) -> None:
        actor.require(Capability.PROJECT_CONTROL)
        digest = options["digest"]
        if can_ask(options):
            shown = restoring.preview(project_id=project.pk, **_where(options))
            # What stands in the way is said by the refusal, and nobody is asked for what cannot be done.
            if not shown.obstacle and not confirmed(self, preview_lines(shown), options):
                self.note("Nothing was changed.")
                return
            digest = shown.digest
        restored = restoring.restore(
            project_id=project.pk, actor=actor, digest=digest, reason=options["reason"], **_where(options)
        )
        now = Project.objects.select_related("blueprint", "owner").get(pk=project.pk)
        if options["json"]:
            plain = {"project": project_document(now), "preview": restored.preview.to_json()}
            self.write_json(plain | {"before": checkpoint_document(restored.before)})
            return
        shown = restored.preview
        goal = f"checkpoint {shown.checkpoint}" if options["restore"] is not None else f"event {shown.event}"
        self.stdout.write(
            f"Project {project.pk} is back at {goal}: {len(shown.steps_kept)} steps are kept, "
            f"{len(shown.steps_voided)} are void. How it stood before is checkpoint {restored.before.number}."
        )
        self.stdout.write(next_action(now))

    def _list(self, project: Project, options: Mapping[str, Any]) -> None:
        rows = list(Checkpoint.objects.filter(project=project).defer("content").order_by("number"))
        if options["json"]:
            self.write_json({"project": str(project.pk), "checkpoints": [checkpoint_document(row) for row in rows]})
        elif not rows:
            self.stdout.write("None was taken yet.")
        for row in () if options["json"] else rows:
            what = f"{row.get_occasion_display()}. {one_line(row.label)}".rstrip(". ")
            told = (f"{row.number}", moment(row.taken_at), f"event {row.event}", what)
            self.stdout.write("\n".join(row_lines(told, (4, 23, 14, 50))))


def _where(options: Mapping[str, Any]) -> dict[str, int | None]:
    return {"number": options["restore"], "event": options["restore_event"]}
