"""Counts of projects by day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Avg, Count, F, Q, QuerySet
from django.db.models.functions import TruncDate

from projects.models import Project
from projects.states import ProjectState

_ENDS = (ProjectState.COMPLETED, ProjectState.FAILED, ProjectState.CANCELLED)


def daily(visible: QuerySet[Project], *, since: date, until: date) -> list[dict[str, Any]]:
    """A row a day, by UTC: how many started, how many ended how, and the mean duration in seconds."""
    projects = Project.objects.filter(pk__in=visible.order_by().values("pk"))
    started = _by_day(projects, "started_at", since, until, started=Count("id"))
    ended = _by_day(
        projects,
        "finished_at",
        since,
        until,
        mean=Avg(F("finished_at") - F("started_at"), filter=Q(state=ProjectState.COMPLETED)),
        **{state.value: Count("id", filter=Q(state=state)) for state in _ENDS},
    )
    days = [since + timedelta(days=number) for number in range((until - since).days + 1)]
    return [_day(day, started.get(day, {}), ended.get(day, {})) for day in days]


def _by_day(
    projects: QuerySet[Project], moment: str, since: date, until: date, **counts: Any
) -> dict[date, dict[str, Any]]:
    first = datetime.combine(since, time.min, UTC)
    after = datetime.combine(until + timedelta(days=1), time.min, UTC)
    rows = projects.filter(**{f"{moment}__gte": first, f"{moment}__lt": after})
    grouped = rows.annotate(day=TruncDate(moment, tzinfo=UTC)).order_by().values("day").annotate(**counts)
    return {row["day"]: dict(row) for row in grouped}


def _day(day: date, started: dict[str, Any], ended: dict[str, Any]) -> dict[str, Any]:
    mean = ended.get("mean")
    return {
        "day": day,
        "started": started.get("started", 0),
        **{state.value: ended.get(state.value, 0) for state in _ENDS},
        "mean_seconds": None if mean is None else round(mean.total_seconds(), 3),
    }
