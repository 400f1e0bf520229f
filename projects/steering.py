"""Pause, resume and cancel as people choose them on a page: what each means, when it is offered, how done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orchestrator_site.access.actors import Actor
from projects.deciding.answering import note
from projects.deciding.inbox import Person
from projects.models import Project
from projects.services import control
from projects.states import Directive, ProjectState


@dataclass(frozen=True, slots=True)
class Steering:
    """A verb: its name for addresses, its words for people, and the service that does it."""

    verb: str
    label: str | Promise
    deed: str | Promise
    meaning: str | Promise
    act: Callable[..., Project]
    is_final: bool = False


STEERING: Mapping[str, Steering] = {
    each.verb: each
    for each in (
        Steering(
            "pause",
            _("Pause"),
            _("Pause the project"),
            _("No further step starts, here and below; those that run may finish. Every clock stands still."),
            control.pause,
        ),
        Steering(
            "resume",
            _("Resume"),
            _("Resume the project"),
            _("Steps start again, here and below, and every clock is moved by the length of the pause."),
            control.resume,
        ),
        Steering(
            "cancel",
            _("Cancel"),
            _("Cancel the project"),
            _("Nothing starts any more, here and below, and all ends once what runs has ended. This is final."),
            control.cancel,
            is_final=True,
        ),
    )
}


def offered(project: Project) -> tuple[Steering, ...]:
    """What can be done with a project as it stands; the service has the last word."""
    if project.is_over or project.directive == Directive.CANCEL:
        return ()
    if project.directive == Directive.PAUSE:
        # One that is held goes on with the project above; it may be paused for itself, so that it does not.
        return STEERING["pause" if project.held_by_parent else "resume"], STEERING["cancel"]
    if project.state == ProjectState.RUNNING:
        return STEERING["pause"], STEERING["cancel"]
    return (STEERING["cancel"],)


def steer(
    project: Project,
    verb: str,
    *,
    person: Person,
    actor: Actor,
    reason: str,
    options: Mapping[str, Any] | None = None,
) -> Project:
    """Do it, and note it in the admin's journal. Raises what the service raises: ``RefusedInState``."""
    steering = STEERING[verb]
    steered = steering.act(project_id=project.pk, actor=actor, reason=reason, **(options or {}))
    note(person, steered, f"{steering.label}. {reason}".strip())
    return steered
