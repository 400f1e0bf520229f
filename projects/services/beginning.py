"""Beginning a project: pending → running, and the clock of its deadline."""

from __future__ import annotations

from uuid import UUID

from projects import sql
from projects.models import Project
from projects.models.checkpoint import Occasion
from projects.services import checkpoints, timers


def begin(project_id: UUID, *, by: str, asked: bool = False) -> Project | None:
    """Have a pending project begin; it is locked from here. None: it began already, was cancelled, or waits for others.

    The deadline that its blueprint gives counts from here; one that was given with the project counts already. The
    caller sees to it that somebody advances it, and has opened the transaction. ``asked`` if this is also the moment
    at which somebody asked for it.
    """
    kinds = ["project.start_asked", "project.started"] if asked else ["project.started"]
    begun = sql.instances_with(Project, "begin", project=project_id, actor=by, kinds=kinds)
    if not begun:
        return None
    project, row = begun[0]
    checkpoints.take(project_id=project_id, occasion=Occasion.START, author=by)
    if row["deadline_after"] is not None:
        timers.set_deadline(project, row["deadline_after"])
    return project
