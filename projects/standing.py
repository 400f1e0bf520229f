"""The state of a project in one word, as people see it: pausing and cancelling, which are intents, first."""

from __future__ import annotations

from projects.models import Project
from projects.states import PROJECT, Directive


def standing_of(project: Project) -> str:
    """``paused`` or ``cancelling`` where an operator wants that of a live project; else its state."""
    if project.state in PROJECT.terminal:
        return project.state
    wanted = {Directive.PAUSE.value: "paused", Directive.CANCEL.value: "cancelling"}
    return wanted.get(project.directive, project.state)
