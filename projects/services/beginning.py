"""Beginning a project: pending → running, and the clock of its deadline."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from projects import sql
from projects.models import Phase, Project
from projects.models.checkpoint import Occasion
from projects.services import checkpoints, timers


@dataclass(frozen=True, slots=True)
class Begun:
    """A project that has begun, the phase that was entered with it, and that phase's steps as they stand."""

    project: Project
    phase: Phase | None
    steps: sql.Result


def begin(project_id: UUID, *, by: str, asked: bool = False) -> Project | None:
    """Have a pending project begin; it is locked from here. None: it began already, was cancelled, or waits for others.

    The deadline that its blueprint gives counts from here; one that was given with the project counts already. The
    caller sees to it that somebody advances it, and has opened the transaction. ``asked`` if this is also the moment
    at which somebody asked for it.
    """
    begun, mark = sql.together("begin", "mark", project=project_id, actor=by, kinds=_kinds(asked))
    return _began(begun, mark, by)


def begin_and_enter(project_id: UUID, *, by: str, asked: bool = False) -> Begun | None:
    """The same, and enter its first phase, by one trip to the server. None: what this did is to be rolled back."""
    begun, mark, entered, steps = sql.together(
        *("begin", "mark", "enter_phase", "steps_at_hand"), project=project_id, actor=by, kinds=_kinds(asked)
    )
    project = _began(begun, mark, by)
    return Begun(project, next(iter(entered.instances(Phase)), None), steps) if project is not None else None


def _kinds(asked: bool) -> list[str]:
    return ["project.start_asked", "project.started"] if asked else ["project.started"]


def _began(begun: sql.Result, mark: sql.Result, by: str) -> Project | None:
    if not begun.found:
        return None
    [(project, row)] = begun.instances_with(Project)
    checkpoints.take(project_id=project.pk, occasion=Occasion.START, author=by, reading=checkpoints.reading(mark))
    if row["deadline_after"] is not None:
        timers.set_deadline(project, row["deadline_after"])
    return project
