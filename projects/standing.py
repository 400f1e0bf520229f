"""The state of a project in one word, as people see it: pausing and cancelling, which are intents, first."""

from __future__ import annotations

from typing import Any

from projects.models import Approval, Project
from projects.states import PROJECT, Directive, ProjectState


def standing_with(project: Project, *, waits: bool) -> str:
    """The same, with ``waiting`` for a project that runs and whose gate ``waits`` for people."""
    standing = standing_of(project)
    return "waiting" if waits and standing == ProjectState.RUNNING else standing


def standing_of(project: Project) -> str:
    """``paused`` or ``cancelling`` where an operator wants that of a live project; else its state."""
    if project.state in PROJECT.terminal:
        return project.state
    wanted = {Directive.PAUSE.value: "paused", Directive.CANCEL.value: "cancelling"}
    return wanted.get(project.directive, project.state)


def steered_by(project: Project) -> list[Any]:
    """What an operator steers by, in plain values: state, directive, plan, phases, open approvals."""
    phases = list(project.phases.order_by("position").values_list("key", "state", "round"))
    asked = [str(key) for key in Approval.objects.open().filter(project=project).values_list("pk", flat=True)]
    steered = [project.state, project.directive, project.directive_since, project.plan_version, phases, asked]
    return [str(project.pk), *steered]
