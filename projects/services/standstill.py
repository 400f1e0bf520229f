"""Projects that stand still: which they are, and telling their histories of those that nothing will move by itself.

That a step is looked at, that nobody can take it, and that a project is stuck, are no signs that it moves.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from orchestrator_site.history import services as history
from orchestrator_site.history.models import Event
from projects import sql
from projects.models import Project, Step
from projects.planning.causes import Cause
from projects.services import causes, progressing
from projects.states import Directive, ProjectState, StepState

logger = logging.getLogger(__name__)

ACTOR = "recovery"
STUCK = "project.stuck"
NO_PROGRESS = (STUCK, "step.held", "step.late_result", "project.overdue")
"""Kinds of events that tell of a project without its having moved."""
ALERT_AFTER = 30
"""Seconds for which nothing has moved a project before its history says that it is stuck."""
BATCH = 50
WORK = "standstill"
"""The name of its pulse."""


def still(projects: QuerySet[Project], *, quiet_seconds: float) -> QuerySet[Project]:
    """The live ones of which no step runs and that nothing has moved for so long, with ``quiet_since``; those first
    that have been quiet the longest."""
    moved = Event.objects.filter(stream=OuterRef("pk")).exclude(kind__in=NO_PROGRESS)
    running = Step.objects.filter(causes.RUNS, project=OuterRef("pk"))
    return (
        Project.objects.filter(pk__in=projects.live().order_by().values("pk"))  # type: ignore[attr-defined]
        .annotate(quiet_since=Coalesce(Subquery(moved.order_by("-id").values("at")[:1]), "created_at"))
        .filter(~Exists(running), quiet_since__lte=Now() - timedelta(seconds=quiet_seconds))
        .select_related("owner", "blueprint")
        .order_by("quiet_since", "id")
    )


def tell(limit: int = BATCH) -> int:
    """Say in the histories of projects that stand still for what nobody mends by itself, once a cause; of how many.

    What waits for people, a signal, a time or another project is no such cause: somebody was asked, or it passes.
    """
    sql.execute("pulse", work=WORK)
    told = 0
    # In no order: those that wait for good reasons must keep none of the others from being looked at.
    for project in still(_candidates(), quiet_seconds=ALERT_AFTER).order_by("?")[:limit]:
        try:
            cause = progressing.cause_of(project)
            told += cause.alert and _tell(project, cause)
        except Exception:
            logger.exception("why project %s stands still cannot be told", project.pk)
    return told


def tell_if_overdue() -> int:
    """The same where nobody has for a while: no control worker is there, or nobody who wakes it."""
    return tell() if sql.rows("pulse_overdue", work=WORK, bound=ALERT_AFTER)[0]["overdue"] else 0


def _candidates() -> QuerySet[Project]:
    """Running projects with a step that somebody is to take, of which that is not the last thing told."""
    latest = Event.objects.filter(stream=OuterRef("pk")).order_by("-id")
    running = Project.objects.filter(state=ProjectState.RUNNING, directive=Directive.RUN)
    takeable = Step.objects.filter(project=OuterRef("pk"), state__in=(StepState.READY, StepState.RUNNING))
    running = running.filter(Exists(takeable))
    return running.annotate(latest=Subquery(latest.values("kind")[:1])).exclude(latest=STUCK)


def _tell(project: Project, cause: Cause) -> bool:
    """Append the event, unless the last one of its kind since the project has moved says the same."""
    said = history.events_of(project.pk).filter(kind=STUCK, at__gte=project.quiet_since)  # type: ignore[attr-defined]
    last = said.order_by("-id").first()
    if last is not None and last.data.get("cause") == cause.code:
        return False
    data: Mapping[str, Any] = {
        "cause": cause.code,
        "since": cause.since or project.quiet_since,  # type: ignore[attr-defined]
        "who": cause.who,
        "sentence": cause.sentence,
    }
    history.append(project.pk, STUCK, actor=ACTOR, data=data)
    logger.warning("project %s is stuck: %s", project.pk, cause.sentence)
    return True
