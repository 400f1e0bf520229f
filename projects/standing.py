"""The state of a project in one word, as people see it: pausing and cancelling, which are intents, first."""

from __future__ import annotations

from projects.models import Project
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
