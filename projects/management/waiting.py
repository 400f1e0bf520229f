"""Waiting for a project with its progress on standard error, and workers for that time if there are none."""

from __future__ import annotations

import sys
from collections.abc import Callable
from uuid import UUID

from orchestrator_site.conf import conf
from projects.management.output import INTERRUPTED, PhasegateCommand
from projects.management.watching import follow, is_over, view_on, waits_for_people
from projects.management.workforce import Workforce
from projects.models import Approval, Project
from projects.reports.visible import one_line
from projects.services.progressing import Progress


def wait_for(project: Project, command: PhasegateCommand) -> Project:
    """Wait until a project is over, and give back how it ended.

    Ctrl-C ends the waiting, not the project.
    """
    if not project.is_over:
        try:
            with Workforce("workers.log", command.note) as workforce:
                _follow(project, command, workforce.ensure)
        except KeyboardInterrupt:
            _say_how_to_return(project, command, own=workforce.own)
            raise SystemExit(INTERRUPTED) from None
    ended = Project.objects.select_related("blueprint", "owner").get(pk=project.pk)
    _say_how_it_ended(ended, command)
    return ended


def watch(project: Project, command: PhasegateCommand) -> Project:
    """Follow a project without working on it."""
    try:
        _follow(project, command, None)
    except KeyboardInterrupt:
        _say_how_to_return(project, command, own=False)
        raise SystemExit(INTERRUPTED) from None
    return Project.objects.select_related("blueprint", "owner").get(pk=project.pk)


def _follow(project: Project, command: PhasegateCommand, meanwhile: Callable[[], None] | None) -> None:
    """Follow to the end; each approval is told once, above what is drawn."""
    asked: set[UUID] = set()

    def until(now: Progress) -> bool:
        return is_over(now) or bool(_new_question(project, now, asked))

    while True:
        with view_on(sys.stderr) as view:
            now = follow(project.pk, view, until=until, meanwhile=meanwhile)
        if is_over(now):
            return
        for approval in _new_question(project, now, asked):
            asked.add(approval.pk)
            _say_how_to_decide(approval, command)


def _new_question(project: Project, now: Progress, asked: set[UUID]) -> list[Approval]:
    if not waits_for_people(now):
        return []
    return list(Approval.objects.open().filter(project=project).exclude(pk__in=asked))


def _say_how_to_decide(approval: Approval, command: PhasegateCommand) -> None:
    ending = str(approval.pk)[-8:]
    command.note(f"Waits for a decision: {one_line(approval.title)}")
    command.note(f"  Decide in the admin, {conf().base_url}/admin/, or in another terminal with one of:")
    command.note(f"  manage.py approve {ending} --user NAME")
    command.note(f"  manage.py approve {ending} --user NAME --reject --comment TEXT")


def _say_how_to_return(project: Project, command: PhasegateCommand, *, own: bool) -> None:
    goes_on = "It goes on as soon as workers run: `make up`." if own else "It goes on."
    command.note(f"No longer waiting for project {project.pk}. {goes_on}")
    command.note(f"Look at it with: manage.py project_status {project.short_id} --watch")


def _say_how_it_ended(project: Project, command: PhasegateCommand) -> None:
    why = f": {project.failure}" if project.failure else ""
    command.note(f"Project {project.short_id} is {project.state}{why}")
    if project.is_over:
        command.note(f"Its report: manage.py project_status {project.short_id} --report text")
