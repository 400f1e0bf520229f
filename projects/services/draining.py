"""Draining: after a pause what runs may finish; when the last has ended, the project says so."""

from __future__ import annotations

from uuid import UUID

from django.db.models.functions import Now

from orchestrator_site.history import services as history
from projects import sql
from projects.models import Project
from projects.services import publishing
from projects.states import Directive, ProjectState


def running_in_tree(project_id: UUID) -> int:
    """How many steps run in a project and in the projects below it."""
    rows = sql.rows("running_in_tree", project=project_id)
    return int(rows[0]["steps"])


def note_if_drained(project: Project, *, tell_above: bool = True) -> bool:
    """Write down that nothing runs any more in a paused project and below it, once a pause. Whether it did.

    Nothing can start once the pause has committed, so that none is none for as long as this pause lasts: the update
    matches its moment, and a resume that comes between finds nothing written.
    """
    if project.drained_at is not None or running_in_tree(project.pk):
        return False
    paused = Project.objects.filter(
        pk=project.pk,
        state=ProjectState.RUNNING,
        directive=Directive.PAUSE,
        directive_since=project.directive_since,
        drained_at=None,
    )
    if not paused.update(drained_at=Now()):
        return False
    project.refresh_from_db(fields=["drained_at"])
    history.append(project.pk, "project.drained", actor="system")
    if tell_above:
        _wake_above(project)
    return True


def _wake_above(project: Project) -> None:
    """The project above is drained when those below are: have it look."""
    if project.held_by_parent and project.parent_step_id is not None:
        above = Project.objects.filter(steps=project.parent_step_id, directive=Directive.PAUSE, drained_at=None)
        for project_id in above.values_list("pk", flat=True):
            publishing.wake(project_id)
