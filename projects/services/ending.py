"""The ends of a project: completed, failed, cancelled."""

from __future__ import annotations

from django.db.models.functions import Now

from orchestrator_site.history import services as history
from orchestrator_site.storable import storable
from projects import sql
from projects.models import Approval, Phase, Project, Step, Timer
from projects.services import notifying, publishing
from projects.services.kinds import stop_all
from projects.services.timers import OVERDUE
from projects.states import PHASE, STEP, PhaseState, ProjectState, StepState

SYSTEM = "system"
LONGEST_CODE = 60


def complete_project(project: Project) -> None:
    """Every phase has passed its gate."""
    rows = sql.rows("complete_project", project=project.pk, channel=notifying.channel_of(project.pk))
    if rows:
        project.state = ProjectState.COMPLETED
        if rows[0]["asked"]:
            Approval.objects.cancel_of(project.pk)  # of a change of the plan, which comes too late
        if rows[0]["timed"]:
            Timer.objects.drop(project.pk)
        if rows[0]["awaited"]:
            publishing.wake_recovery()
        _wake_above(project)


def fail_project(project: Project, phase: Phase, code: str, reason: str) -> None:
    """A phase failed, and with it the project; what has not begun is cancelled."""
    code, reason = code[:LONGEST_CODE], storable(reason)
    phase.state, phase.failure = PhaseState.FAILED, reason
    Phase.objects.filter(pk=phase.pk).update(state=PhaseState.FAILED, failure=reason, finished_at=Now())
    history.append(project.pk, "phase.failed", actor=SYSTEM, subject=phase.key, data={"code": code, "reason": reason})
    if Project.objects.fail(project.pk, code=code, reason=reason):
        project.state = ProjectState.FAILED
        _close(project)
        history.append(project.pk, "project.failed", actor=SYSTEM, data={"code": code, "reason": reason})
        _tell(project)


def wind_down(project: Project) -> None:
    """A cancelled project: nothing starts, and once what runs has ended, here and below, the project is over.

    One that its deadline ended is failed in the end, by the reason that was written down then.
    """
    Step.objects.filter(project=project, state__in=(StepState.PENDING, StepState.READY)).update(
        state=StepState.CANCELLED, finished_at=Now()
    )
    stop_all(Step.objects.filter(project=project))
    if Step.objects.filter(project=project, state=StepState.RUNNING).exists():
        return
    if Project.objects.live().filter(parent_step__project=project).exists():
        return  # each of them was told, and wakes this one when it has ended
    overdue = project.failure_code == OVERDUE
    if overdue and Project.objects.fail(project.pk, code=project.failure_code, reason=project.failure):
        project.state = ProjectState.FAILED
    elif Project.objects.cancel(project.pk):
        project.state = ProjectState.CANCELLED
    else:
        return
    _close(project)
    data = {"code": project.failure_code, "reason": project.failure} if overdue else None
    history.append(project.pk, f"project.{project.state}", actor=SYSTEM, data=data)
    _tell(project)


def _close(project: Project) -> None:
    """Leave nothing open under a project that is over."""
    stop_all(Step.objects.filter(project=project))
    live_steps = STEP.live - {StepState.RUNNING}
    Step.objects.filter(project=project, state__in=sorted(live_steps)).update(
        state=StepState.CANCELLED, finished_at=Now()
    )
    Phase.objects.filter(project=project, state__in=sorted(PHASE.live)).update(
        state=PhaseState.CANCELLED, finished_at=Now()
    )
    Approval.objects.cancel_of(project.pk)
    Timer.objects.drop(project.pk)


def _wake_above(project: Project) -> None:
    """The project whose step started this one looks at it."""
    if project.parent_step is not None:
        publishing.wake(project.parent_step.project_id)


def _tell(project: Project) -> None:
    """Tell who waits for the end. Projects that were to run after it are looked at by recovery; tell it at once."""
    notifying.notify(project.pk, "ended")
    _wake_above(project)
    if project.followers.filter(state=ProjectState.PENDING).exists():
        publishing.wake_recovery()
