"""Pauses, for tests: how a project is paused and goes on, with those below it, and how time passes meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from orchestrator_site.access.actors import system_actor
from projects.models import Project
from projects.services import control
from tests.builders import look

ABOVE = "phases: [{key: one, steps: [{key: below, kind: project, project: {blueprint: child}}]}]"


def pause(project: Project, **options: Any) -> Project:
    """Pause it, as the system."""
    return control.pause(project_id=project.pk, actor=system_actor(), **options)


def resume(project: Project) -> Project:
    """Have it go on."""
    return control.resume(project_id=project.pk, actor=system_actor())


def passes(project: Project, seconds: float) -> None:
    """Have the pause have begun so much earlier."""
    Project.objects.filter(pk=project.pk).update(directive_since=Now() - timedelta(seconds=seconds))


def directives(family: dict[str, Project]) -> list[tuple[str, bool]]:
    """How each is steered, and whether the one above holds it."""
    return [(look(each).directive, look(each).held_by_parent) for each in family.values()]
