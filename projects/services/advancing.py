"""Advance: decide what is next in a project from the database, write it down, and send it.

The one place where a project moves from step to step and from phase to phase. It is idempotent: it locks the row of
the phase, reads the truth, and does what the pure decisions of ``planning`` say. Whoever thinks that something may
have changed calls it; a call too many costs a few milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from orchestrator_site import faults
from projects.models import Phase, Project
from projects.planning.readiness import Standing
from projects.services import ending, gates, interventions, publishing
from projects.services.phasework import PhaseWork
from projects.states import Directive, PhaseState, ProjectState


@dataclass(frozen=True, slots=True)
class Advanced:
    """What a call of ``advance`` left: the project's state, and how many messages it sent."""

    state: ProjectState
    messages: int = 0


def advance(project_id: UUID) -> Advanced | None:
    """Move a project on as far as it goes without anybody's work. None: there is no such project.

    0. Changes of the plan that people have answered are made or refused.
    1. Nothing happens to a project that is over, has not begun or is paused; a cancelled one is wound down.
    2. The current phase is locked; two calls at once follow one another.
    3. Conditions are evaluated, lists expanded, steps skipped, until nothing more follows.
    4. What is ready is sent; where every step is over the gate decides, and the next phase begins.
    """
    interventions.settle(project_id)
    with transaction.atomic():
        project = Project.objects.filter(pk=project_id).select_related("owner").first()
        if project is None:
            return None
        phase = _lock_current_phase(project)
        project.refresh_from_db(fields=["state", "directive", "plan_version"])
        faults.point("in_advance")
        if project.state != ProjectState.RUNNING or project.directive == Directive.PAUSE:
            return Advanced(ProjectState(project.state))
        if project.directive == Directive.CANCEL:
            ending.wind_down(project)
            return Advanced(ProjectState(project.state))
        messages = 0
        while phase is not None:
            work = PhaseWork(project, phase)
            standing = work.settle()
            messages += work.publish() if standing is Standing.OPEN else 0
            if not _phase_moved_on(project, phase, work, standing):
                break
            phase = _current_phase(project)
        return Advanced(ProjectState(project.state), messages)


def wind_down_now(project_id: UUID) -> None:
    """End a cancelled project that has no running step, without waiting for a worker; also one that never began."""
    with transaction.atomic():
        project = Project.objects.filter(pk=project_id).first()
        if project is not None and not project.is_over and project.directive == Directive.CANCEL:
            _lock_current_phase(project)
            ending.wind_down(project)


def begin(project: Project) -> None:
    """Send a project that has just begun on its way, once the transaction is committed."""
    publishing.wake(project.pk)


def _phase_moved_on(project: Project, phase: Phase, work: PhaseWork, standing: Standing) -> bool:
    """Whether the phase has ended or begun anew, so that there is more to look at."""
    if phase.state == PhaseState.WAITING:
        return gates.after_answer(project, phase)
    match standing:
        case Standing.FAILING | Standing.FAILED:
            work.stop_starting()
            if work.settle() is Standing.FAILED:
                ending.fail_project(project, phase, *work.failure())
            return False
        case Standing.DONE:
            return gates.at_end_of_round(project, phase)
        case _:
            return False


def _lock_current_phase(project: Project) -> Phase | None:
    """The phase that is worked on, locked; the next one, begun, where there is none."""
    live = (PhaseState.RUNNING, PhaseState.WAITING, PhaseState.PENDING)
    phase = Phase.objects.select_for_update().filter(project=project, state__in=live).order_by("position").first()
    if phase is None or project.state != ProjectState.RUNNING or project.directive != Directive.RUN:
        return phase
    return _begun(project, phase)


def _current_phase(project: Project) -> Phase | None:
    if project.state != ProjectState.RUNNING:
        return None
    phase = _lock_current_phase(project)
    if phase is None:
        ending.complete_project(project)
    return phase


def _begun(project: Project, phase: Phase) -> Phase:
    if phase.state == PhaseState.PENDING:
        gates.begin_phase(project, phase)
    return phase
