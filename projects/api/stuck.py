"""Live projects of which nothing runs: what each waits for, who can move it on, and since when nothing has moved it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from projects.models import Project
from projects.services import progressing, standstill


def stuck(visible: QuerySet[Project], *, quiet_seconds: int, limit: int) -> Iterator[dict[str, Any]]:
    """Those without a running step that nothing has moved for so long, the longest first.

    What each does next costs a few queries a project: ``limit`` is the bound on them.
    """
    for project in standstill.still(visible, quiet_seconds=quiet_seconds)[:limit]:
        cause = progressing.cause_of(project)
        yield {
            "id": project.pk,
            "title": project.title,
            "state": project.state,
            "directive": project.directive,
            "owner": project.owner.get_username() if project.owner else None,
            "cause": cause.code,
            "next_action": cause.sentence,
            "since": cause.since,
            "who": cause.who,
            "quiet_since": project.quiet_since,  # type: ignore[attr-defined]
        }
