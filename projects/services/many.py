"""Steering many projects: each by itself, with its own outcome, so that one that refuses does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
    "start": control.start,
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


def steer(verb: str, ids: Iterable[UUID], *, actor: Actor, **options: Any) -> Batch:
    """Start, pause, resume or cancel the projects of some ids that the actor may see; ``options`` are the verb's.

    In the order of their ids, which is from above to below: whoever steers several locks them in one order. Raises
    ``SelectionInvalid`` for none, or for more than ``MOST``.
    """
    wanted = sorted(set(ids))
    if not 1 <= len(wanted) <= MOST:
        raise SelectionInvalid(f"Name between 1 and {MOST} projects, not {len(wanted)}.")
    return Batch(_each(verb, wanted, actor, options))


def steer_all(
    verb: str,
    *,
    actor: Actor,
    blueprint: str | None = None,
    owner: str | None = None,
    **options: Any,
) -> Batch:
    """Start, pause, resume or cancel every project of a filter of which it can be asked, ``MOST`` at a time.

    A project that is reached through one above it has no outcome of its own: it is held, not paused for itself.
    """
    found = those_to(verb, actor=actor, blueprint=blueprint, owner=owner)
    ids = list(found.order_by("pk").values_list("pk", flat=True)[: MOST + 1])
    left = found.count() - MOST if len(ids) > MOST else 0
    return Batch(steer_those(verb, ids[:MOST], actor=actor, **options).outcomes, left)


def steer_those(verb: str, ids: Sequence[UUID], *, actor: Actor, **options: Any) -> Batch:
    """Steer the projects of some ids, in their order, but for those that one above them has brought along meanwhile."""
    return Batch(_each(verb, ids, actor, options, still=lambda each: steerable(verb, each).exists()))


def those_to(verb: str, *, actor: Actor, blueprint: str | None = None, owner: str | None = None) -> ProjectQuerySet:
    """The projects of a filter that the actor may see and of which it can be asked."""
    found = steerable(verb, Project.objects.visible_to(actor))
    if blueprint:
        name, _, version = blueprint.partition("@")
        found = found.filter(blueprint__name=name)
        found = found.filter(blueprint__version=int(version)) if version.isdigit() else found
    return found.filter(owner__username=owner) if owner else found


def steerable(verb: str, projects: ProjectQuerySet) -> ProjectQuerySet:
    """Those of some projects that are not as the verb would have them."""
    match verb:
        case "start":
            waiting = projects.filter(after__in=Project.objects.exclude(state=ProjectState.COMPLETED))
            return projects.filter(state=ProjectState.PENDING, directive=Directive.RUN).exclude(pk__in=waiting)
        case "pause":
            return projects.filter(state=ProjectState.RUNNING, directive=Directive.RUN)
        case "resume":
            return projects.live().filter(directive=Directive.PAUSE, held_by_parent=False)
        case _:
            return projects.live().exclude(directive=Directive.CANCEL)


def _each(
    verb: str,
    ids: Sequence[UUID],
    actor: Actor,
    options: Mapping[str, Any],
    still: Callable[[ProjectQuerySet], bool] = lambda _: True,
) -> tuple[Outcome, ...]:
    """The outcome of each of which it is ``still`` to be asked: one above may have reached it meanwhile."""
    begun = _begun_together(ids, actor) if verb == "start" else {}
    return tuple(
        begun.get(project_id) or _one(verb, project_id, actor, options)
        for project_id in ids
        if project_id in begun or still(Project.objects.filter(pk=project_id))
    )


def _begun_together(ids: Sequence[UUID], actor: Actor) -> dict[UUID, Outcome]:
    """Those that the actor may see and that begin at once; each of the others is then asked by itself, and says why."""
    seen = set(Project.objects.visible_to(actor).filter(pk__in=ids).values_list("pk", flat=True))
    begun = control.start_together([each for each in ids if each in seen], actor=actor)
    return {project.pk: _done(project) for project in begun}


def _one(verb: str, project_id: UUID, actor: Actor, options: Mapping[str, Any]) -> Outcome:
    try:
        with transaction.atomic():
            control.find_project(project_id=project_id, actor=actor)
        return _done(VERBS[verb](project_id=project_id, actor=actor, **options))
    except PhasegateError as error:
        return Outcome(str(project_id), done=False, code=error.code, message=error.message)


def _done(project: Project) -> Outcome:
    return Outcome(str(project.pk), done=True, state=project.state, directive=project.directive)
