"""The ends of a project: completed, failed, cancelled."""

from __future__ import annotations

from django.db.models.functions import Now

from orchestrator_site.history import services as history
from projects.models import Approval, Phase, Project, Step
from projects.services import publishing
from projects.states import PHASE, STEP, PhaseState, ProjectState, StepState

SYSTEM = "system"


def complete_project(project: Project) -> None:
    """Every phase has passed its gate."""
    if Project.objects.complete(project.pk):
        project.state = ProjectState.COMPLETED
        Approval.objects.cancel_of(project.pk)  # of a budget, about a step that was skipped meanwhile
        history.append(project.pk, "project.completed", actor=SYSTEM)
        _wake_followers(project)


def fail_project(project: Project, phase: Phase, code: str, reason: str) -> None:
    """A phase failed, and with it the project; what has not begun is cancelled."""
    phase.state, phase.failure = PhaseState.FAILED, reason
    Phase.objects.filter(pk=phase.pk).update(state=PhaseState.FAILED, failure=reason, finished_at=Now())
    history.append(project.pk, "phase.failed", actor=SYSTEM, subject=phase.key, data={"code": code, "reason": reason})
    if Project.objects.fail(project.pk, code=code, reason=reason):
        project.state = ProjectState.FAILED
        _close(project)
        history.append(project.pk, "project.failed", actor=SYSTEM, data={"code": code, "reason": reason})
        _wake_followers(project)


def wind_down(project: Project) -> None:
    """A cancelled project: nothing starts, and once the last running step has ended the project is over."""
    Step.objects.filter(project=project, state__in=(StepState.PENDING, StepState.READY)).update(
        state=StepState.CANCELLED, finished_at=Now()
    )
    if Step.objects.filter(project=project, state=StepState.RUNNING).exists():
        return
    if Project.objects.cancel(project.pk):
        project.state = ProjectState.CANCELLED
        _close(project)
        history.append(project.pk, "project.cancelled", actor=SYSTEM)
        _wake_followers(project)


def _close(project: Project) -> None:
    """Leave nothing open under a project that is over."""
    live_steps = STEP.live - {StepState.RUNNING}
    Step.objects.filter(project=project, state__in=sorted(live_steps)).update(
        state=StepState.CANCELLED, finished_at=Now()
    )
    Phase.objects.filter(project=project, state__in=sorted(PHASE.live)).update(
        state=PhaseState.CANCELLED, finished_at=Now()
    )
    Approval.objects.cancel_of(project.pk)


def _wake_followers(project: Project) -> None:
    """Projects that were to run after this one are looked at by recovery; tell it at once."""
    if project.followers.filter(state=ProjectState.PENDING).exists():
        publishing.wake_recovery()
