"""Advance: decide what is next in a project from the database, write it down, and send it.

The one place where a project moves from step to step and from phase to phase. It is idempotent: it locks the row of
the phase, reads the truth, and does what the pure decisions of ``planning`` say. Whoever thinks that something may
have changed calls it; a call too many costs a few milliseconds.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import OperationalError, transaction

from orchestrator_site import database, faults
from orchestrator_site.conf import conf
from projects import sql
from projects.models import Phase, Project
from projects.planning.readiness import Standing
from projects.services import beginning, draining, ending, gates, interventions, publishing
from projects.services.phasework import PhaseWork
from projects.services.publishing import Outbox
from projects.states import Directive, PhaseState, ProjectState

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Advanced:
    """What a call of ``advance`` left: the project's state, and how many messages it sent."""

    state: ProjectState
    messages: int = 0


def advance(project_id: UUID, *, if_free: bool = False) -> Advanced | None:
    """Move a project on as far as it goes without anybody's work. None: there is no such project.

    ``if_free`` is for those who look after many projects: also None where somebody else holds this one.

    1. The project is locked against other calls and changes, not against claims; then its current phase.
    2. Changes of the plan that people have answered are made or refused.
    3. Nothing happens to a project that is over, has not begun or is paused, but that the last says when nothing runs
       any more; a cancelled one is wound down.
    4. What was approved at the gate before must still be so, as long as nothing has followed from it.
    5. Conditions are evaluated, lists expanded, steps skipped, until nothing more follows.
    6. What is ready is sent; where every step is over the gate decides, and the next phase begins.
    """
    with transaction.atomic():
        return _advance(project_id, if_free)


def advance_or_leave(project_id: UUID) -> bool:
    """Advance, unless somebody holds the project for longer than a moment; False: recovery will look again.

    For those who serve all projects one after another: a process that was stopped while it held one must not stop them.
    """
    if advance(project_id, if_free=True) is not None:
        return True
    try:
        with database.patience():
            return advance(project_id) is not None
    except OperationalError as error:
        if not database.is_held(error):
            raise
        logger.warning("project %s is held by somebody; recovery will look again", project_id)
        return False


def begin(project_id: UUID, by: str, *, asked: bool = True) -> Project | None:
    """pending → running, and on its way in the same transaction. None: not pending, or it waits for others.

    Where what follows fails (an expression, the database), the project begins all the same, and recovery goes on.
    ``asked`` if this is also the moment at which somebody asked for it.
    """
    try:
        with transaction.atomic():
            begun = _begin([project_id], by, asked, Outbox())
            transaction.set_rollback(not begun)
        return next(iter(begun), None)
    except Exception:
        logger.exception("project %s could not be advanced as it began", project_id)
    with transaction.atomic():
        publishing.wake(project_id)
        return beginning.begin(project_id, by=by, asked=asked)


def begin_together(project_ids: Sequence[UUID], by: str) -> list[Project]:
    """The same of several projects, in one transaction; those that began.

    Where anything fails they begin one by one. Legs of theirs that are known to be short travel together.
    """
    waiting = list(project_ids)
    while waiting:
        try:
            with transaction.atomic():
                begun = _begin(waiting, by, True, Outbox(bundles=bool(conf().batch_seconds)))
                transaction.set_rollback(len(begun) < len(waiting))
        except Exception:
            logger.exception("%s projects could not begin together", len(waiting))
            return [project for each in waiting if (project := begin(each, by)) is not None]
        if len(begun) == len(waiting):
            return begun
        waiting = [project.pk for project in begun]
    return []


def _begin(project_ids: Sequence[UUID], by: str, asked: bool, outbox: Outbox) -> list[Project]:
    begun = beginning.begin_and_enter(project_ids, by=by, asked=asked)
    if len(begun) == len(project_ids):
        faults.point("in_start")
        for each in begun:
            _work_on(each.project, each.phase, outbox, each.steps)
        outbox.flush()
    return [each.project for each in begun]


def _advance(project_id: UUID, if_free: bool) -> Advanced | None:
    project, is_proposed = _lock(project_id, if_free)
    if project is not None and is_proposed:
        interventions.settle(project_id)
        project, _ = _lock(project_id)
    if project is None:
        return None
    faults.point("in_advance")
    if project.directive == Directive.CANCEL and not project.is_over:
        ending.wind_down(project)
        return Advanced(ProjectState(project.state))
    if project.state != ProjectState.RUNNING:
        return Advanced(ProjectState(project.state))
    if project.directive == Directive.PAUSE:
        draining.note_if_drained(project)
        return Advanced(ProjectState(project.state))
    outbox = Outbox()
    advanced = _work_on(project, _enter_phase(project), outbox)
    outbox.flush()
    return advanced


def _work_on(project: Project, phase: Phase | None, outbox: Outbox, at_hand: sql.Result | None = None) -> Advanced:
    """Move a project on that runs, and that this transaction has locked, from the phase that was entered.

    ``at_hand`` are that phase's steps, where they have just been read. What is sent is in the ``outbox``.
    """
    if phase is not None and gates.take_back(project, phase):
        phase, at_hand = _next_phase(project), None
    messages = 0
    if phase is None:
        _complete_if_through(project)
    while phase is not None:
        work = PhaseWork(project, phase, at_hand)
        standing = work.settle()
        messages += work.publish(outbox) if standing is Standing.OPEN else 0
        if not _phase_moved_on(project, phase, work, standing):
            break
        phase, at_hand = _next_phase(project), None
    return Advanced(ProjectState(project.state), messages)


def wind_down_now(project_id: UUID) -> None:
    """End a cancelled project that has no running step, without waiting for a worker; also one that never began.

    What it leaves undone, because something still runs, whoever looks after the commit goes on with.
    """
    with transaction.atomic():
        publishing.wake(project_id)
        project, _ = _lock(project_id)
        if project is not None and not project.is_over and project.directive == Directive.CANCEL:
            ending.wind_down(project)


def recheck_approvals(project_id: UUID) -> None:
    """Void what was asked or approved, if it is not what stands now, and ask again.

    For whoever changes what an approval may rest on (the plan, a result, a variable): called in that transaction,
    after the change, no step can start on what was approved before it. A paused project is looked at too.
    """
    with transaction.atomic():
        project, _ = _lock(project_id)
        if project is not None:
            gates.recheck(project)
            publishing.wake(project_id)


def _phase_moved_on(project: Project, phase: Phase, work: PhaseWork, standing: Standing) -> bool:
    """Whether the phase has ended or begun anew, so that there is more to look at."""
    if phase.state == PhaseState.WAITING:
        return gates.after_answer(project, phase) if standing is Standing.DONE else gates.go_on(project, phase)
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


def _complete_if_through(project: Project) -> None:
    """End a project that was brought back to after its last phase: there is no phase whose end would."""
    if not project.phases.exclude(state=PhaseState.COMPLETED).exists():
        ending.complete_project(project)


def _enter_phase(project: Project) -> Phase | None:
    """The phase that is worked on, or begins with this, locked; None where all are over."""
    return next(iter(sql.instances(Phase, "enter_phase", projects=[project.pk])), None)


def _lock(project_id: UUID, if_free: bool = False) -> tuple[Project | None, bool]:
    """The project, locked, and whether changes of its plan are proposed, which people may have answered."""
    name = "lock_project_if_free" if if_free else "lock_project"
    found = sql.instances_with(Project, name, project=project_id)
    return (found[0][0], bool(found[0][1]["proposed"])) if found else (None, False)


def _next_phase(project: Project) -> Phase | None:
    if project.state != ProjectState.RUNNING:
        return None
    phase = _enter_phase(project)
    if phase is None:
        ending.complete_project(project)
    return phase
