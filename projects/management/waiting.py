"""Waiting for a project with its progress on standard error, and workers for that time if there are none."""

from __future__ import annotations

import sys
from collections.abc import Callable

from django.urls import reverse

from orchestrator_site.commanding.output import INTERRUPTED, PhasegateCommand
from orchestrator_site.conf import conf
from orchestrator_site.showing.visible import one_line
from projects.management.watching import View, questions, view_on
from projects.management.workforce import Workforce
from projects.models import Approval, Project


def wait_for(project: Project, command: PhasegateCommand) -> Project:
    """Wait until a project is over, and give back how it ended.

    Ctrl-C ends the waiting, not the project.
    """
    if not project.is_over:
        view = view_on(sys.stderr)
        try:
            with Workforce("workers.log", view.say) as workforce:
                _follow(project, command, view, workforce.ensure)
        except KeyboardInterrupt:
            _say_how_to_return(project, command, own=workforce.own)
            raise SystemExit(INTERRUPTED) from None
    ended = Project.objects.select_related("blueprint", "owner").get(pk=project.pk)
    _say_how_it_ended(ended, command)
    return ended


def watch(project: Project, command: PhasegateCommand) -> Project:
    """Follow a project without working on it."""
    try:
        _follow(project, command, view_on(sys.stderr), None)
    except KeyboardInterrupt:
        _say_how_to_return(project, command, own=False)
        raise SystemExit(INTERRUPTED) from None
    return Project.objects.select_related("blueprint", "owner").get(pk=project.pk)


def _follow(project: Project, command: PhasegateCommand, view: View, meanwhile: Callable[[], None] | None) -> None:
    """Follow to the end; each approval is told once, above what is drawn."""
    for approval in questions(project.pk, view, meanwhile=meanwhile):
        _say_how_to_decide(approval, command)


def _say_how_to_decide(approval: Approval, command: PhasegateCommand) -> None:
    ending = str(approval.pk)[-8:]
    command.note(f"Waits for a decision: {one_line(approval.title)}")
    command.note(f"  Decide at {conf().base_url}{reverse('dashboard:inbox')}, or in another terminal with one of:")
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
