"""How far several projects are, for a list of them, in two queries however many they are."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Count, F, Q

from projects.models import Phase, Project, Step
from projects.states import STEP, PhaseState, ProjectState


def shares_of(projects: Iterable[Project]) -> dict[UUID, float | None]:
    """From 0 to 1 by project: the mean of its phases' shares, each step as much as the others.

    ``services.progressing`` weighs them by how long they take where it knows that, which is too dear for a list.

    None for a project that ended on the way: how far it was says nothing any more.
    """
    listed = list(projects)
    phases: dict[UUID, list[float]] = {}
    worked_on = _shares_of_phases(project.pk for project in listed if not project.is_over)
    rows = Phase.objects.filter(project__in=listed).values_list("project_id", "pk", "state")
    for project_id, phase_id, state in rows:
        share = 1.0 if state == PhaseState.COMPLETED else worked_on.get(phase_id, 0.0)
        phases.setdefault(project_id, []).append(share)
    return {project.pk: _share(project, phases.get(project.pk, [])) for project in listed}


def _share(project: Project, phases: list[float]) -> float | None:
    if project.is_over:
        return 1.0 if project.state == ProjectState.COMPLETED else None
    return min(sum(phases) / len(phases), 0.99) if phases else 0.0


def _shares_of_phases(projects: Iterable[UUID]) -> dict[UUID, float]:
    """Of the phases that are being worked on: how many of their steps are over."""
    rows = (
        Step.objects.filter(
            project__in=list(projects),
            phase__state__in=(PhaseState.RUNNING, PhaseState.WAITING),
            round=F("phase__round"),
        )
        .exclude(Q(parent=None) & Q(items__isnull=False))
        .values_list("phase_id")
        .annotate(
            total=Count("id", distinct=True),
            over=Count("id", distinct=True, filter=Q(state__in=sorted(STEP.terminal))),
        )
    )
    return {phase_id: over / total for phase_id, total, over in rows if total}
