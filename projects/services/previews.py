"""Previews: what a control that destroys something would do, shown before it is confirmed.

A preview is made by the code that then does it, and carries a digest over all that it shows and over how the project
stands. Whoever confirms gives the digest back: a project that has changed since answers with a conflict.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from orchestrator_site.access.actors import Actor
from orchestrator_site.access.roles import Capability
from orchestrator_site.digests import digest_of
from projects.errors import ProjectChanged, ProjectNotFound, RefusedInState
from projects.models import Approval, Attempt, Project, Step
from projects.planning.liveplan import Difference
from projects.standing import steered_by
from projects.states import AttemptOutcome, StepState


@dataclass(frozen=True, slots=True)
class Lapsing:
    """An open approval that nobody need answer any more, or that is asked again."""

    id: str
    title: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Effect:
    """Work that was done and is not undone: how many attempts of a step an agent completed, items counted each."""

    step: str
    agent: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What all attempts of the steps have used so far, whatever became of them."""

    attempts: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a control would do. ``control`` is its verb: an intervention's, or ``cancel``.

    ``voided`` are steps that will not be done, or whose outcome is taken back; ``added``, ``changed`` and ``revived``
    steps that are new, different, or pending again; ``running`` steps that are at work now. ``plan_after`` is the
    number of the next plan, None where the plan stays. ``asks`` is the question that people have to answer first.
    """

    project: str
    control: str
    step: str
    plan_before: int
    plan_after: int | None = None
    difference: tuple[Difference, ...] = ()
    voided: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    revived: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    lapsing: tuple[Lapsing, ...] = ()
    effects: tuple[Effect, ...] = ()
    spent: Spent = Spent()
    revives_project: bool = False
    still_failed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    asks: str = ""
    digest: str = ""

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        told = asdict(self)
        told["difference"] = [each.to_json() for each in self.difference]
        told["spent"]["cost"] = float(self.spent.cost)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}


class Confirmable(Protocol):
    """What is shown, and confirmed by its digest."""

    @property
    def digest(self) -> str: ...


def check_digest(preview: Confirmable, seen: str | None, what: str = "The project has") -> None:
    """Raise ``ProjectChanged`` where somebody confirms another preview than this; nothing is checked without one.

    The digest of the present one is not told: it is to be confirmed by those who have looked.
    """
    if seen is not None and seen != preview.digest:
        raise ProjectChanged(f"{what} changed since the preview that you confirm. Look at a new one, and confirm that.")


def preview_cancel(*, project_id: UUID, actor: Actor) -> Preview:
    """What a cancel would do now. Raises ``ProjectNotFound``, ``RefusedInState`` where the project is over."""
    actor.require(Capability.PROJECT_CONTROL)
    project = Project.objects.filter(pk=project_id).first()
    if project is None:
        raise ProjectNotFound(f"There is no project {project_id}.")
    return of_cancel(project)


def of_cancel(project: Project) -> Preview:
    """The preview of a cancel. Raises ``RefusedInState`` where there is nothing left to cancel."""
    if project.is_over:
        raise RefusedInState(f"Project {project.pk} is {project.state}: there is nothing left to cancel.")
    steps = Step.objects.filter(project=project)
    undone = steps.filter(parent=None, state__in=(StepState.PENDING, StepState.READY, StepState.WAITING))
    return with_digest(
        Preview(
            project=str(project.pk),
            control="cancel",
            step="",
            plan_before=project.plan_version,
            voided=tuple(undone.order_by("phase__position", "position", "id").values_list("key", flat=True)),
            running=tuple(steps.filter(state=StepState.RUNNING).order_by("key").values_list("key", flat=True)),
            lapsing=lapsing(Approval.objects.open().filter(project=project)),
            effects=effects_of(project),
            spent=spent_by(project),
        ),
        project,
    )


def with_digest(preview: Preview, project: Project) -> Preview:
    """The preview under its digest: over all that it shows, and over what an operator steers by."""
    shown = {name: value for name, value in preview.to_json().items() if name != "digest"}
    return replace(preview, digest=digest_of([shown, steered_by(project)]))


def lapsing(approvals: QuerySet[Approval]) -> tuple[Lapsing, ...]:
    """Approvals, as a preview names them."""
    rows = approvals.order_by("id").values_list("id", "title", "purpose")
    return tuple(Lapsing(str(pk), title, purpose) for pk, title, purpose in rows)


def effects_of(project: Project, keys: Collection[str] | None = None) -> tuple[Effect, ...]:
    """Attempts that were completed, of all steps or of some, their items with them."""
    completed = _attempts(project, keys).filter(outcome=AttemptOutcome.COMPLETED)
    rows = (
        completed.values("step__agent", of=Coalesce("step__parent__key", "step__key"))
        .annotate(n=Count("id"))
        .order_by("of", "step__agent")
    )
    return tuple(Effect(row["of"], row["step__agent"], row["n"]) for row in rows)


def spent_by(project: Project, keys: Collection[str] | None = None) -> Spent:
    """What the attempts used, of all steps or of some, their items with them."""
    return used_by(_attempts(project, keys))


def attempts_of(*projects: UUID) -> QuerySet[Attempt]:
    """What agents began of the steps of some projects."""
    return Attempt.objects.taken().filter(step__project__in=projects)


def used_by(attempts: QuerySet[Attempt]) -> Spent:
    """What some attempts used, together."""
    sums = attempts.aggregate(n=Count("id"), tokens_in=Sum("tokens_in"), tokens_out=Sum("tokens_out"), cost=Sum("cost"))
    return Spent(sums["n"], sums["tokens_in"] or 0, sums["tokens_out"] or 0, sums["cost"] or Decimal(0))


def _attempts(project: Project, keys: Collection[str] | None) -> QuerySet[Attempt]:
    attempts = attempts_of(project.pk)
    if keys is None:
        return attempts
    present = Q(step__round=F("step__phase__round"))
    return attempts.filter(present, Q(step__key__in=keys) | Q(step__parent__key__in=keys))
