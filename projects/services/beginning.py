"""Beginning projects: pending → running, and the clocks of their deadlines."""

from __future__ import annotations

from collections.abc import Sequence
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
    begun, marks = sql.together("begin", "mark", projects=[project_id], actor=by, kinds=_kinds(asked))
    return next(iter(_began(begun, marks, by)), None)


def begin_and_enter(project_ids: Sequence[UUID], *, by: str, asked: bool = False) -> list[Begun]:
    """The same of several, and enter their first phases, by one trip to the server; those that began.

    Where a project did not, its phase was entered all the same: what this did is to be rolled back.
    """
    begun, marks, entered, steps = sql.together(
        *("begin", "mark", "enter_phase", "steps_at_hand"), projects=list(project_ids), actor=by, kinds=_kinds(asked)
    )
    phases = {phase.project_id: phase for phase in entered.instances(Phase)}
    at_hand = steps.by("project_id")
    return [
        Begun(project, phases.get(project.pk), at_hand.get(project.pk, sql.Result(steps.columns, ())))
        for project in _began(begun, marks, by)
    ]


def _kinds(asked: bool) -> list[str]:
    return ["project.start_asked", "project.started"] if asked else ["project.started"]


def _began(begun: sql.Result, marks: sql.Result, by: str) -> list[Project]:
    found = begun.instances_with(Project)
    readings = checkpoints.readings(marks)
    began = {project.pk: readings[project.pk] for project, _ in found}
    checkpoints.take_several(began, Occasion.START, author=by)
    for project, row in found:
        if row["deadline_after"] is not None:
            timers.set_deadline(project, row["deadline_after"])
    return [project for project, _ in found]
