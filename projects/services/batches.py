"""Steering many projects: each by itself, with its own outcome, so that one that refuses does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from orchestrator_site.access.actors import Actor
from orchestrator_site.errors import PhasegateError
from projects.errors import SelectionInvalid
from projects.models import Project
from projects.querysets.projects import ProjectQuerySet
from projects.services import control
from projects.states import Directive, ProjectState

MOST = 500
"""Projects in one call."""

VERBS: Mapping[str, Callable[..., Project]] = {
    "pause": control.pause,
    "resume": control.resume,
    "cancel": control.cancel,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one project: how it stands after it, or the code and the sentence of the refusal."""

    id: str
    done: bool
    state: str | None = None
    directive: str | None = None
    code: str | None = None
    message: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Batch:
    """The outcomes in the order of the ids, and how many more fitted than one call takes."""

    outcomes: tuple[Outcome, ...]
    left: int = 0

    @property
    def all_done(self) -> bool:
        """Whether nobody refused."""
        return all(each.done for each in self.outcomes)


def steer(verb: str, ids: Iterable[UUID], *, actor: Actor, reason: str = "", **options: bool) -> Batch:
    """Pause, resume or cancel the projects of some ids that the actor may see.

    In the order of their ids, which is from above to below: whoever steers several locks them in one order. Raises
    ``SelectionInvalid`` for none, or for more than ``MOST``.
    """
    wanted = sorted(set(ids))
    if not 1 <= len(wanted) <= MOST:
        raise SelectionInvalid(f"Name between 1 and {MOST} projects, not {len(wanted)}.")
    return Batch(tuple(_one(verb, project_id, actor, reason, options) for project_id in wanted))


def steer_all(
    verb: str,
    *,
    actor: Actor,
    blueprint: str | None = None,
    owner: str | None = None,
    reason: str = "",
    **options: bool,
) -> Batch:
    """Pause, resume or cancel every project of a filter of which it can be asked, ``MOST`` at a time.

    A project that is reached through one above it has no outcome of its own: it is held, not paused for itself.
    """
    found = steerable(verb, Project.objects.visible_to(actor))
    if blueprint:
        name, _, version = blueprint.partition("@")
        found = found.filter(blueprint__name=name)
        found = found.filter(blueprint__version=int(version)) if version.isdigit() else found
    if owner:
        found = found.filter(owner__username=owner)
    ids = list(found.order_by("pk").values_list("pk", flat=True)[: MOST + 1])
    left = found.count() - MOST if len(ids) > MOST else 0
    outcomes = [
        _one(verb, project_id, actor, reason, options)
        for project_id in ids[:MOST]
        if steerable(verb, Project.objects.filter(pk=project_id)).exists()  # else one above has reached it meanwhile
    ]
    return Batch(tuple(outcomes), left)


def steerable(verb: str, projects: ProjectQuerySet) -> ProjectQuerySet:
    """Those of some projects that are not as the verb would have them."""
    match verb:
        case "pause":
            return projects.filter(state=ProjectState.RUNNING, directive=Directive.RUN)
        case "resume":
            return projects.live().filter(directive=Directive.PAUSE, held_by_parent=False)
        case _:
            return projects.live().exclude(directive=Directive.CANCEL)


def _one(verb: str, project_id: UUID, actor: Actor, reason: str, options: Mapping[str, bool]) -> Outcome:
    try:
        with transaction.atomic():
            control.find_project(project_id=project_id, actor=actor)
        project = VERBS[verb](project_id=project_id, actor=actor, reason=reason, **options)
    except PhasegateError as error:
        return Outcome(str(project_id), done=False, code=error.code, message=error.message)
    return Outcome(str(project_id), done=True, state=project.state, directive=project.directive)
