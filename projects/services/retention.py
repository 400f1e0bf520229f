"""Keeping histories for as long as they are wanted in the database, and in files from then on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from uuid import UUID

from orchestrator_site import clock
from orchestrator_site.conf import conf
from orchestrator_site.errors import PhasegateError
from orchestrator_site.history.archiving import archive, with_events
from orchestrator_site.history.sealing import seal_all
from orchestrator_site.history.services import Archive
from projects.models import Project
from projects.states import PROJECT

logger = logging.getLogger(__name__)

BATCH = 500


@dataclass(slots=True)
class Retained:
    """What was archived, and what could not be, with the reason."""

    archived: list[Archive] = field(default_factory=list)
    refused: list[tuple[UUID, str]] = field(default_factory=list)


def old_histories(before: datetime) -> Iterator[UUID]:
    """Projects that ended before a moment and whose events are still in the database, the oldest first."""
    over = Project.objects.filter(state__in=sorted(PROJECT.terminal), finished_at__lt=before)
    ids = over.order_by("finished_at").values_list("pk", flat=True).iterator(chunk_size=BATCH)
    while chunk := list(islice(ids, BATCH)):
        present = set(with_events(chunk))
        yield from (each for each in chunk if each in present)


def archive_old(*, before: datetime, folder: Path, actor: str) -> Retained:
    """Archive the histories of projects that ended before a moment. One that cannot be does not stop the others."""
    seal_all()
    done = Retained()
    for project_id in list(old_histories(before)):
        try:
            done.archived.append(archive(project_id, folder=folder, actor=actor))
        except PhasegateError as refusal:
            done.refused.append((project_id, str(refusal)))
    return done


def archive_as_set() -> Retained:
    """As the settings say; nothing where they set no limit."""
    days = conf().history_retention_days
    if days is None:
        return Retained()
    done = archive_old(before=clock.now() - timedelta(days=days), folder=conf().archive_folder, actor="retention")
    for (
        project_id,
        reason,
    ) in done.refused:  # the command tells them to whoever called it; here nobody reads but the log
        logger.warning("the history of project %s is not archived: %s", project_id, reason)
    return done
