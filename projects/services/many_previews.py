"""Previews of cancelling many projects: which they are, what is lost, and a digest to confirm them by.

The digest is over which projects they are and how each stands for an operator: state, directive, plan. What their
steps do meanwhile is shown and not in it, as of many projects one always gets on while somebody reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

from orchestrator_site.access.actors import Actor
from orchestrator_site.access.roles import Capability
from orchestrator_site.digests import digest_of
from projects.models import Approval, Project, Step
from projects.querysets.projects import ProjectQuerySet
from projects.services import many
from projects.services.previews import Spent, attempts_of, check_digest, used_by
from projects.standing import standing_of
from projects.states import StepState

_UNDONE = (StepState.PENDING, StepState.READY, StepState.WAITING)


@dataclass(frozen=True, slots=True)
class Listed:
    """A project that would be cancelled."""

    id: str
    title: str
    blueprint: str
    state: str


@dataclass(frozen=True, slots=True)
class ManyPreview:
    """What a cancel of many would do: steps are counted, those of a list by their list.

    ``left`` is how many more there are than were looked at, and than a confirmation would end.
    """

    control: str
    projects: tuple[Listed, ...]
    undone: int
    running: int
    lapsing: int
    spent: Spent
    digest: str
    left: int = 0

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        told = asdict(self)
        told["spent"]["cost"] = float(self.spent.cost)
        return told | {"projects": list(told["projects"])}


def preview_cancel(
    *,
    actor: Actor,
    ids: Iterable[UUID] | None = None,
    blueprint: str | None = None,
    owner: str | None = None,
    most: int | None = None,
) -> ManyPreview:
    """What a cancel of some projects, or of all of a filter, ``most`` of them, would do now. Nothing is changed."""
    actor.require(Capability.PROJECT_CONTROL)
    return _previewed(_wanted(actor, ids, blueprint, owner), most)


def cancel_seen(
    *,
    actor: Actor,
    digest: str,
    ids: Iterable[UUID] | None = None,
    blueprint: str | None = None,
    owner: str | None = None,
    most: int | None = None,
    **options: Any,
) -> many.Batch:
    """Cancel the projects of the preview that somebody confirms, and none that came after it.

    ``options`` are those of a cancel. Raises ``ProjectChanged`` where they would be others, or stand otherwise.
    """
    seen = preview_cancel(actor=actor, ids=ids, blueprint=blueprint, owner=owner, most=most)
    check_digest(seen, digest, "The projects have")
    ended = many.steer_those("cancel", [UUID(each.id) for each in seen.projects], actor=actor, **options)
    return replace(ended, left=seen.left)


def _wanted(actor: Actor, ids: Iterable[UUID] | None, blueprint: str | None, owner: str | None) -> ProjectQuerySet:
    found = many.those_to("cancel", actor=actor, blueprint=blueprint, owner=owner)
    return found if ids is None else found.filter(pk__in=list(ids))


def _previewed(wanted: ProjectQuerySet, most: int | None) -> ManyPreview:
    projects = list(wanted.select_related("blueprint").order_by("pk")[:most])
    of_them = [project.pk for project in projects]
    steps = Step.objects.filter(project__in=of_them)
    return ManyPreview(
        control="cancel",
        projects=tuple(Listed(str(each.pk), each.title, str(each.blueprint), standing_of(each)) for each in projects),
        undone=steps.filter(parent=None, state__in=_UNDONE).count(),
        running=steps.filter(state=StepState.RUNNING).count(),
        lapsing=Approval.objects.open().filter(project__in=of_them).count(),
        spent=used_by(attempts_of(*of_them)),
        digest=digest_of(["cancel", *(_stands(project) for project in projects)]),
        left=wanted.count() - most if len(projects) == most else 0,
    )


def _stands(project: Project) -> list[Any]:
    since = project.directive_since
    directive = [project.directive, since.isoformat() if since else None]
    return [str(project.pk), project.state, *directive, project.plan_version]
