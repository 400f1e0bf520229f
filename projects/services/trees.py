"""Pause, resume and cancel as rows: of a project and of the live projects below it, in the caller's transaction.

Locks are taken from above to below, children in the order of their ids: a project is locked for control before its
children are, whoever comes. A step starts a child only under ``hold_still``, so that a pause finds every child there
is and none comes after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import F
from django.db.models.functions import Now

from orchestrator_site.history import services as history
from projects.models import Approval, Project, Step, Timer
from projects.models.checkpoint import Occasion
from projects.services import checkpoints, draining, publishing
from projects.states import Directive, ProjectState, StepState


def pause(project: Project, *, actor: str, reason: str = "") -> None:
    """Hold a running project, which the caller has locked, and every running one below it."""
    Project.objects.direct(project.pk, Directive.PAUSE)
    held = list(_hold_below(project, actor))
    running = draining.running_in_tree(project.pk)
    _refresh(project)
    data = {"reason": reason, "running": running, "children": len(held)}
    history.append(project.pk, "project.paused", actor=actor, data=data)
    checkpoints.take(project_id=project.pk, occasion=Occasion.PAUSE, author=actor, label=reason)
    for child in reversed(held):
        draining.note_if_drained(child, tell_above=False)
    draining.note_if_drained(project)


def keep_paused(project: Project, *, actor: str, reason: str = "") -> None:
    """A project that is held because the one above it is: a person pauses it for itself, so that it stays so."""
    Project.objects.filter(pk=project.pk, directive=Directive.PAUSE).update(held_by_parent=False)
    _refresh(project)
    running = draining.running_in_tree(project.pk)
    data = {"reason": reason, "running": running, "children": 0}
    history.append(project.pk, "project.paused", actor=actor, data=data)


def resume(project: Project, *, actor: str, reason: str = "") -> None:
    """Let a paused project go on, and those below that were held with it; their clocks have stood still."""
    length = _go_on(project)
    data = {"reason": reason, "seconds": round(length.total_seconds(), 3)}
    history.append(project.pk, "project.resumed", actor=actor, data=data)
    for child in _children(project.pk):
        _release(child, actor, above=project)
    publishing.ring(0.0, look_ahead=True)


def cancel(project: Project, *, actor: str, data: dict[str, Any]) -> list[UUID]:
    """Have a live project and every live one below it end; their ids, from above to below.

    Each is to be wound down, or to be woken, after the commit; the caller sees to that.
    """
    reached = [project.pk]
    if Project.objects.direct(project.pk, Directive.CANCEL):
        Project.objects.filter(pk=project.pk).update(held_by_parent=False, drained_at=None)
        history.append(project.pk, "project.cancel_asked", actor=actor, data=data)
    _refresh(project)
    for child in _children(project.pk):
        reached += cancel(child, actor=actor, data=data | {"cleanup": False, "because_of": str(project.pk)})
    return reached


def _children(project_id: UUID) -> list[Project]:
    """The live projects that steps of a project have started, locked for control, in the order of their ids."""
    below = Project.objects.live().filter(parent_step__project=project_id).order_by("pk")
    return list(below.select_for_update(of=("self",)))


def _hold_below(project: Project, actor: str) -> Iterator[Project]:
    """Hold those that run. What a person has paused stays theirs, and what is below that is held already."""
    for child in _children(project.pk):
        if child.state != ProjectState.RUNNING or not Project.objects.hold(child.pk):
            continue
        _refresh(child)
        below = list(_hold_below(child, actor))
        data = {"because_of": str(project.pk), "running": draining.running_in_tree(child.pk)}
        history.append(child.pk, "project.held", actor=actor, data=data)
        checkpoints.take(project_id=child.pk, occasion=Occasion.PAUSE, author=actor)
        yield child
        yield from below


def _release(child: Project, actor: str, *, above: Project) -> None:
    if child.directive != Directive.PAUSE or not child.held_by_parent:
        return
    length = _go_on(child)
    data = {"because_of": str(above.pk), "seconds": round(length.total_seconds(), 3)}
    history.append(child.pk, "project.released", actor=actor, data=data)
    for each in _children(child.pk):
        _release(each, actor, above=child)


def _go_on(project: Project) -> timedelta:
    """Move every clock of a project by the length of its pause, and have it run; that length."""
    # Once, for all: a deadline and its timer have to agree to the microsecond.
    length: timedelta = Project.objects.filter(pk=project.pk).values_list(Now() - F("directive_since"), flat=True).get()
    Timer.objects.move(project.pk, length)
    Approval.objects.open().filter(project=project, deadline__isnull=False).update(deadline=F("deadline") + length)
    ready = Step.objects.filter(project=project, state=StepState.READY)
    ready.filter(available_at__isnull=False).update(available_at=F("available_at") + length)
    # What was sent before the pause was turned away by the claim: it is sent anew.
    ready.update(published_at=None)
    Project.objects.go_on(project.pk, length)
    _refresh(project)
    publishing.wake(project.pk)
    return length


def _refresh(project: Project) -> None:
    project.refresh_from_db(fields=["directive", "directive_since", "held_by_parent", "drained_at", "deadline"])
