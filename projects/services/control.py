"""Starting and steering projects."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from agents.knowledge.store import delete_graph
from orchestrator_site.access.actors import Actor
from orchestrator_site.history import services as history
from projects import sql
from projects.errors import ProjectNotFound, RefusedInState
from projects.models import Approval, Project, Step
from projects.services import advancing, publishing
from projects.states import Directive, ProjectState, StepState


def start(*, project_id: UUID, actor: Actor) -> Project:
    """Begin a project; one that waits for others begins when they are completed.

    Raises ``RefusedInState`` where it has begun already or is over.
    """
    with transaction.atomic():
        project = _locked(project_id)
        if project.state != ProjectState.PENDING:
            raise RefusedInState(f"Project {project_id} is {project.state} already: it cannot be started again.")
        history.append(project.pk, "project.start_asked", actor=actor.name)
        if not project.after.exclude(state=ProjectState.COMPLETED).exists():
            _begin(project, actor.name)
        elif (reason := _why_never(project)) is not None:
            raise RefusedInState(reason)
    return project


def start_if_its_turn(project: Project) -> bool:
    """Begin a project whose predecessors are all completed, cancel one of whose predecessors failed."""
    with transaction.atomic():
        locked = Project.objects.lock_for_control(project.pk)
        if locked is None or locked.state != ProjectState.PENDING:
            return False
        if not locked.after.exclude(state=ProjectState.COMPLETED).exists():
            _begin(locked, "recovery")
            return True
        if (reason := _why_never(locked)) is not None:
            Project.objects.filter(pk=locked.pk).update(failure_code="predecessor_failed", failure=reason)
            Project.objects.cancel(locked.pk)
            history.append(locked.pk, "project.cancelled", actor="recovery", data={"reason": reason})
    return False


def _why_never(project: Project) -> str | None:
    """Why a project will never begin, naming the one before it that did not complete; None where it may yet."""
    ended = (ProjectState.FAILED, ProjectState.CANCELLED)
    before = project.after.filter(state__in=ended).order_by("finished_at").first()
    if before is None:
        return None
    how = "failed" if before.state == ProjectState.FAILED else "was cancelled"
    why = f": {before.failure.rstrip('.')}" if before.failure else ""
    return f"Project {before} ({before.pk}), after which this one is to run, did not complete; it {how}{why}."[:2000]


def pause(*, project_id: UUID, actor: Actor, reason: str = "") -> Project:
    """No further step starts; those that run may finish, and their results count. Deadlines stand still.

    Raises ``RefusedInState`` where the project is not running, or is paused or being cancelled.
    """
    return _direct(project_id, Directive.PAUSE, "project.paused", actor, reason)


def resume(*, project_id: UUID, actor: Actor, reason: str = "") -> Project:
    """Go on after a pause; every deadline is moved by the length of the pause.

    Raises ``RefusedInState`` where the project is not paused.
    """
    with transaction.atomic():
        project = _locked(project_id)
        if project.directive != Directive.PAUSE or project.directive_since is None or project.is_over:
            raise RefusedInState(f"Project {project_id} is not paused ({_in_words(project)}): it cannot be resumed.")
        length = Now() - project.directive_since
        Approval.objects.open().filter(project=project, deadline__isnull=False).update(deadline=F("deadline") + length)
        # What was sent before the pause was turned away by the claim: it is sent anew. One update: of a row that is
        # updated twice in a transaction, PostgreSQL checks the foreign keys once more at the commit, and would then
        # wait with these rows for the phase that ``advance`` holds, which waits for them.
        Step.objects.filter(project=project, state=StepState.READY).update(
            available_at=F("available_at") + length, published_at=None
        )
        Project.objects.direct(project.pk, Directive.RUN)
        project.refresh_from_db(fields=["directive", "directive_since"])
        history.append(project.pk, "project.resumed", actor=actor.name, data={"reason": reason})
        publishing.wake(project.pk)
    return project


def cancel(*, project_id: UUID, actor: Actor, reason: str = "", force: bool = False, cleanup: bool = False) -> Project:
    """End a project: nothing starts any more, and it is over once what runs has ended.

    ``force`` does not wait for what runs: its results are refused. ``cleanup`` also removes what the project built
    beside its history, such as its knowledge graph. Raises ``RefusedInState`` where it is over.
    """
    with transaction.atomic():
        project = _locked(project_id)
        if project.is_over:
            raise RefusedInState(f"Project {project_id} is {project.state}: there is nothing left to cancel.")
        Project.objects.direct(project.pk, Directive.CANCEL)
        history.append(
            project.pk,
            "project.cancel_asked",
            actor=actor.name,
            data={"reason": reason, "force": force, "cleanup": cleanup},
        )
        if cleanup:
            _clean_up(project)
    if force:
        # Not under the project's lock: a worker that commits holds its step and waits for the project.
        _cut_off(project)
    advancing.wind_down_now(project.pk)
    project.refresh_from_db()
    return project


def find_project(*, project_id: str | UUID, actor: Actor) -> Project:
    """The project of an id, or of the last digits of one where they fit one only.

    Raises ``ProjectNotFound`` where there is none that the actor may see.
    """
    visible = Project.objects.visible_to(actor).select_related("blueprint", "owner")
    try:
        project = visible.filter(pk=UUID(str(project_id))).first()
    except ValueError:
        project = _by_ending(visible, str(project_id))
    if project is None:
        raise ProjectNotFound(f"There is no project {project_id}.")
    return project


def _by_ending(visible: Any, ending: str) -> Project | None:
    if len(ending) < 4 or not all(digit in "0123456789abcdef-" for digit in ending.lower()):
        return None
    found: list[Project] = list(visible.extra(where=["projects_project.id::text LIKE %s"], params=[f"%{ending}"])[:2])
    return found[0] if len(found) == 1 else None


def _locked(project_id: UUID) -> Project:
    project = Project.objects.lock_for_control(project_id)
    if project is None:
        raise ProjectNotFound(f"There is no project {project_id}.")
    return project


def _direct(project_id: UUID, directive: Directive, kind: str, actor: Actor, reason: str) -> Project:
    with transaction.atomic():
        project = _locked(project_id)
        if project.state != ProjectState.RUNNING or project.directive != Directive.RUN:
            raise RefusedInState(f"Project {project_id} is not running ({_in_words(project)}): it cannot be paused.")
        Project.objects.direct(project.pk, directive)
        project.refresh_from_db(fields=["directive", "directive_since"])
        history.append(project.pk, kind, actor=actor.name, data={"reason": reason})
    return project


def _begin(project: Project, by: str) -> None:
    if Project.objects.begin(project.pk):
        project.state = ProjectState.RUNNING
        history.append(project.pk, "project.started", actor=by)
        advancing.begin(project)


def _cut_off(project: Project) -> None:
    """Take the leases of what runs: its results will be refused by their attempt number."""
    running = Step.objects.filter(project=project, state=StepState.RUNNING)
    for step, attempt in running.values_list("pk", "attempt"):
        sql.rows("cancel_attempt", step=step, attempt=attempt, actor="system")


def _clean_up(project: Project) -> None:
    removed = delete_graph(project.pk)
    history.append(project.pk, "project.cleaned_up", actor="system", data={"graph_nodes": removed})


def _in_words(project: Project) -> str:
    words = {Directive.PAUSE: "paused", Directive.CANCEL: "being cancelled"}
    if project.is_over or project.state == ProjectState.PENDING:
        return project.state
    return words.get(Directive(project.directive), project.state)
