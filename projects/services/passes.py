"""Passes over many projects: what one found and did, whose turn it is, and going on with each.

Whoever looks after many waits for none that somebody else holds, and none that cannot be helped hides the others.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from orchestrator_site import database
from projects import sql
from projects.services import advancing, stuck

logger = logging.getLogger(__name__)

BATCH = 500


@dataclass(slots=True)
class Recovered:
    """What one pass found and did."""

    steps_taken_back: int = 0
    steps_failed: int = 0
    messages_sent_again: int = 0
    approvals_timed_out: int = 0
    projects_overdue: int = 0
    timers_fired: int = 0
    projects_started: int = 0
    projects_advanced: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def anything(self) -> bool:
        """Whether the pass found anything to do."""
        return any(
            (
                self.steps_taken_back,
                self.steps_failed,
                self.messages_sent_again,
                self.approvals_timed_out,
                self.projects_overdue,
                self.timers_fired,
            )
        )


class Turn:
    """The projects that a statement names, the most urgent first and at most ``BATCH`` a pass of this process.

    Where there are more a pass goes on where the one before it stopped, so that the first of them, about which nothing
    can be done perhaps, never hide the rest.
    """

    _FIRST = (-1, UUID(int=0))

    def __init__(self, statement: str) -> None:
        self.statement = statement
        self._after = self._FIRST

    def take(self, **params: Any) -> list[UUID]:
        """Those whose turn it is in this pass."""
        rows = self._rows(self._after, params)
        if len(rows) < BATCH and self._after != self._FIRST:
            seen = {row["id"] for row in rows}
            rows += [row for row in self._rows(self._FIRST, params) if row["id"] not in seen][: BATCH - len(rows)]
        self._after = (rows[-1]["priority"], rows[-1]["id"]) if len(rows) == BATCH else self._FIRST
        return [row["id"] for row in rows]

    def _rows(self, after: tuple[int, UUID], params: dict[str, Any]) -> list[dict[str, Any]]:
        return sql.rows(self.statement, priority=after[0], after=after[1], limit=BATCH, **params)


def go_on_with(projects: Iterable[UUID], done: Recovered) -> None:
    """Advance projects of which steps were taken back: whoever holds one now may have looked before that.

    Those that are held come last, so that they keep none of the others waiting.
    """
    for project_id in [each for each in projects if not advance(each, done)]:
        advance(project_id, done, wait=True)


def advance(project_id: UUID, done: Recovered, *, wait: bool = False) -> bool:
    """Advance a project; False where somebody else holds it."""
    try:
        if wait:
            moved = advancing.advance_or_leave(project_id)
        else:
            moved = advancing.advance(project_id, if_free=True) is not None
        done.projects_advanced += moved
        return moved
    except Exception as error:
        if database.is_held(error):
            return False
        logger.exception("recovery: project %s cannot be advanced", project_id)
        done.errors.append(f"project {project_id}: {error}")
        stuck.note(project_id, error, actor="recovery")
        return True
