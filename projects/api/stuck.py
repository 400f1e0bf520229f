"""Live projects of which nothing runs: what each waits for, from a handful of conditions in one query."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Case, CharField, Exists, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Now

from orchestrator_site.history.models import Event
from projects.models import Approval, Project, Step
from projects.models.timer import TimerKind
from projects.services import progressing
from projects.states import Directive, ProjectState, StepState


def stuck(visible: QuerySet[Project], *, quiet_seconds: int, limit: int) -> Iterator[dict[str, Any]]:
    """Those without a running step and without any event for so long, the longest first.

    What each does next costs a few queries a project: ``limit`` is the bound on them.
    """
    latest = Event.objects.filter(stream=OuterRef("pk")).order_by("-id").values("at")[:1]
    rows: QuerySet[Any] = (
        Project.objects.filter(pk__in=visible.live().order_by().values("pk"))  # type: ignore[attr-defined]
        .annotate(quiet_since=Coalesce(Subquery(latest), "created_at"))
        .filter(~_running(), quiet_since__lte=Now() - timedelta(seconds=quiet_seconds))
        .annotate(cause=_cause())
        .select_related("owner")
        .order_by("quiet_since", "id")[:limit]
    )
    for project in rows:
        yield {
            "id": project.pk,
            "title": project.title,
            "state": project.state,
            "directive": project.directive,
            "owner": project.owner.get_username() if project.owner else None,
            "cause": project.cause,
            "next_action": progressing.next_action(project),
            "quiet_since": project.quiet_since,
        }


def _running() -> Exists:
    return Exists(Step.objects.filter(project=OuterRef("pk"), state=StepState.RUNNING))


def _cause() -> Case:
    ready = Step.objects.filter(project=OuterRef("pk"), state=StepState.READY)
    before = Project.objects.filter(followers=OuterRef("pk")).exclude(state=ProjectState.COMPLETED)
    asked = Approval.objects.open().filter(project=OuterRef("pk"))
    waiting = Step.objects.filter(project=OuterRef("pk"), state=StepState.WAITING).exclude(spec__has_key="for_each")
    signalled = waiting.filter(kind="wait").filter(
        Q(spec__wait__signal__isnull=False, parent=None) | Q(parent__spec__wait__signal__isnull=False)
    )
    return Case(
        When(Q(directive=Directive.CANCEL), then=Value("cancelling")),
        When(Q(state=ProjectState.PENDING) & Exists(before), then=Value("predecessor")),
        When(Q(state=ProjectState.PENDING), then=Value("not_started")),
        When(Q(directive=Directive.PAUSE), then=Value("paused")),
        When(Exists(asked), then=Value("approval")),
        When(Exists(ready.filter(timers__kind=TimerKind.ROOM)), then=Value("room")),
        When(Exists(signalled), then=Value("signal")),
        When(Exists(waiting.filter(kind="project")), then=Value("child")),
        When(Exists(ready.filter(Q(available_at=None) | Q(available_at__lte=Now()))), then=Value("worker")),
        When(Exists(ready), then=Value("retry")),
        When(Exists(waiting.filter(kind="wait")), then=Value("timer")),
        default=Value("unknown"),
        output_field=CharField(),
    )
