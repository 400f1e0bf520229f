"""Beginning a project: pending → running, and the clock of its deadline."""

from __future__ import annotations

from orchestrator_site.history import services as history
from projects.models import BlueprintVersion, Project
from projects.services import publishing, timers
from projects.states import ProjectState


def begin(project: Project, *, by: str) -> bool:
    """Have a pending project begin, which the caller has locked. False: it began already, or was cancelled.

    The deadline that its blueprint gives counts from here; one that was given with the project counts already.
    """
    if not Project.objects.begin(project.pk):
        return False
    project.state = ProjectState.RUNNING
    history.append(project.pk, "project.started", actor=by)
    if project.deadline is None:
        said = BlueprintVersion.objects.filter(pk=project.blueprint_id).values_list("definition__deadline", flat=True)
        if wanted := said.get():
            timers.set_deadline(project, float(wanted["after"]))
    publishing.wake(project.pk)
    return True
