"""Starting and steering projects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from agents.knowledge.store import delete_graph
from orchestrator_site import faults
from orchestrator_site.access.actors import Actor
from orchestrator_site.history import services as history
from projects import sql
from projects.errors import ProjectNotFound, RefusedInState
from projects.models import Project, Step
from projects.services import advancing, concluding, guards, notifying, previews, trees
from projects.states import Directive, ProjectState, StepState

TOGETHER = 50
"""Projects that begin in one transaction: the cost of a commit is shared, and none waits long for the others."""


def start(*, project_id: UUID, actor: Actor) -> Project:
    """Begin a project; one that waits for others begins when they are completed.

    Raises ``RefusedInState`` where it has begun already or is over.
    """
    if begun := advancing.begin(project_id, actor.name):
        if begun.state != ProjectState.RUNNING:  # nothing was to be done, or nothing could be
            begun.refresh_from_db()
        return begun
    with transaction.atomic():
        project = _locked(project_id)
        if project.state != ProjectState.PENDING:
            raise RefusedInState(f"Project {project_id} is {project.state} already: it cannot be started again.")
        history.append(project.pk, "project.start_asked", actor=actor.name)
        Project.objects.filter(pk=project.pk, start_asked_at=None).update(start_asked_at=Now())
        if (reason := _why_never(project)) is not None:
            raise RefusedInState(reason)
    return project


def start_together(project_ids: Sequence[UUID], *, actor: Actor) -> list[Project]:
    """Begin those of some projects that can begin now, which costs much less than one by one; those that began.

    ``start`` says of any other why it did not.
    """
    return [
        project
        for first in range(0, len(project_ids), TOGETHER)
        for project in advancing.begin_together(project_ids[first : first + TOGETHER], actor.name)
    ]


def start_if_its_turn(project_id: UUID) -> bool:
    """Begin a project whose predecessors are all completed, cancel one of whose predecessors failed.

    False too where somebody else holds it: it is looked at again.
    """
    with transaction.atomic():
        locked = Project.objects.lock_for_control(project_id, if_free=True)
        if locked is None or locked.state != ProjectState.PENDING or locked.start_asked_at is None:
            return False
        if not locked.after.exclude(state=ProjectState.COMPLETED).exists():
            return advancing.begin(locked.pk, "recovery", asked=False) is not None
        if (reason := _why_never(locked)) is not None:
            Project.objects.filter(pk=locked.pk).update(failure_code="predecessor_failed", failure=reason)
            Project.objects.cancel(locked.pk)
            history.append(locked.pk, "project.cancelled", actor="recovery", data={"reason": reason})
            notifying.notify(locked.pk, "ended")
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
    """No further step starts, here and in the projects below; those that run may finish, and their results count.

    Every clock stands still: waits, retries, deadlines. One that is held because the project above it is paused may
    be paused for itself: then it stays so when that one goes on. Raises ``RefusedInState`` where the project is not
    running, or is paused or being cancelled.
    """
    with transaction.atomic():
        project = _locked(project_id)
        if project.state == ProjectState.RUNNING and project.directive == Directive.RUN:
            trees.pause(project, actor=actor.name, reason=reason)
            faults.point("in_pause")
        elif not project.is_over and project.directive == Directive.PAUSE and project.held_by_parent:
            trees.keep_paused(project, actor=actor.name, reason=reason)
        else:
            raise RefusedInState(f"Project {project_id} is not running ({_in_words(project)}): it cannot be paused.")
    return project


def resume(*, project_id: UUID, actor: Actor, reason: str = "") -> Project:
    """Go on after a pause, with the projects below that were held by it; their clocks are moved by its length.

    Raises ``RefusedInState`` where the project is not paused, or where one above it is.
    """
    with transaction.atomic():
        project = _locked(project_id)
        if project.directive != Directive.PAUSE or project.directive_since is None or project.is_over:
            raise RefusedInState(f"Project {project_id} is not paused ({_in_words(project)}): it cannot be resumed.")
        above = _above(project)
        if above is not None and above.directive == Directive.PAUSE and not above.is_over:
            raise RefusedInState(
                f"Project {project_id} was started by project {above.pk}, which is paused: resume that one first."
            )
        trees.resume(project, actor=actor.name, reason=reason)
        faults.point("in_resume")
    return project


def cancel(
    *,
    project_id: UUID,
    actor: Actor,
    reason: str = "",
    force: bool = False,
    cleanup: bool = False,
    preview_digest: str | None = None,
) -> Project:
    """End a project and those below it: nothing starts any more, and it is over once what runs has ended.

    It may be paused. ``force`` does not wait for what runs: its results are refused. ``cleanup`` also removes what the
    project built beside its history, such as its knowledge graph. With ``preview_digest`` it is done only if its
    preview would still be the same. Raises ``RefusedInState`` where it is over, ``ProjectChanged``.
    """
    with transaction.atomic():
        project = _locked(project_id)
        if project.is_over:
            raise RefusedInState(f"Project {project_id} is {project.state}: there is nothing left to cancel.")
        if preview_digest is not None:
            previews.check_digest(previews.of_cancel(project), preview_digest)
        data = {"reason": reason, "force": force, "cleanup": cleanup}
        if project.directive == Directive.CANCEL:  # asked again, with other words
            history.append(project.pk, "project.cancel_asked", actor=actor.name, data=data)
        reached = trees.cancel(project, actor=actor.name, data=data)
        faults.point("in_cancel")
        if cleanup:
            _clean_up(project)
    faults.point("after_cancel")
    if force:
        for each in reached:
            _cut_off(each)
    for each in reversed(reached):  # a project is over when those below it are
        advancing.wind_down_now(each)
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


def _above(project: Project) -> Project | None:
    """The project whose step started this one."""
    if project.parent_step_id is None:
        return None
    return Project.objects.filter(steps=project.parent_step_id).first()


def _cut_off(project_id: UUID) -> None:
    """Take the leases of what runs: its results will be refused by their attempt number, and its places are free.

    A step that is being committed at this moment is let through: its worker may wait for the project, which the
    caller may have locked, and it starts no other.
    """
    with transaction.atomic():
        running = Step.objects.filter(project=project_id, state=StepState.RUNNING).select_for_update(skip_locked=True)
        cut_off = list(running.values_list("pk", "attempt"))
        guards.hold(step for step, _ in cut_off)
        for step, attempt in cut_off:
            sql.rows("cancel_attempt", step=step, attempt=attempt, actor="system")
            concluding.give_place_back(step, attempt, None)
            guards.settle(step, attempt)


def _clean_up(project: Project) -> None:
    removed = delete_graph(project.pk)
    history.append(project.pk, "project.cleaned_up", actor="system", data={"graph_nodes": removed})


def _in_words(project: Project) -> str:
    words = {Directive.PAUSE: "paused", Directive.CANCEL: "being cancelled"}
    if project.is_over or project.state == ProjectState.PENDING:
        return project.state
    return words.get(Directive(project.directive), project.state)
