"""Setting, moving and taking away timers: rows only, so that whoever writes a deadline keeps its timer in agreement."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import models
from django.db.models import F

from projects import sql

if TYPE_CHECKING:
    from projects.models import Timer  # noqa: F401


class TimerQuerySet(models.QuerySet["Timer"]):
    """Timers."""

    def set_for_step(self, *, project_id: UUID, step_id: UUID, kind: str, seconds: float) -> datetime:
        """Have a step's timer be due in so many seconds of the project's clock, which stands still in a pause."""
        rows = sql.rows("set_step_timer", project=project_id, step=step_id, kind=kind, seconds=seconds)
        due_at: datetime = rows[0]["due_at"]
        return due_at

    def agree_with_approval(self, approval_id: UUID) -> None:
        """One timer, due at its deadline, for an open approval that has one; none for any other.

        Call it in the transaction that opens, escalates or closes the approval.
        """
        sql.execute("agree_approvals", approval=approval_id)
        sql.execute("drop_closed", approval=approval_id)

    def agree_with_project(self, project_id: UUID) -> None:
        """Have the timer of a live project be due at its deadline; call it in the transaction that writes that."""
        sql.execute("agree_projects", project=project_id)

    def agree_with_all(self) -> int:
        """Set right what does not agree with the deadline that is shown; how many timers were set or moved."""
        return sql.execute("agree_approvals", approval=None) + sql.execute("agree_projects", project=None)

    def drop(self, project_id: UUID, *, kind: str | None = None, step_id: UUID | None = None) -> int:
        """Take away timers of a project that nobody waits for; all of them, or those that fit. How many.

        One that is being fired stays to whoever fires it.
        """
        return sql.execute("drop_timers", project=project_id, kind=kind, step=step_id)

    def move(self, project_id: UUID, length: timedelta) -> int:
        """Have every timer of a project be due so much later."""
        return self.filter(project_id=project_id).update(due_at=F("due_at") + length)
