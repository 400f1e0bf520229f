"""Beat's scheduler, which goes on when the clock of its machine is set back.

It remembers by that clock when it last sent what, and when each is due next. Where both lie hours ahead of what the
clock says now, the scheduler of django-celery-beat waits those hours, and a restart does not help, as it keeps the
first in the database. Here what was sent "later than now" was sent now, and is due again after its interval.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

LEEWAY = 1.0
"""Seconds by which clocks are set every day; what is due so much later is waited for."""


class Entry(ModelEntry):  # type: ignore[misc]
    """One periodic task."""

    last_run_at: Any

    def is_due(self) -> Any:
        """Whether it is, and in how many seconds to look again."""
        now = self._default_now()
        if self.last_run_at > now + timedelta(seconds=LEEWAY):
            self.last_run_at = self.model.last_run_at = now
        return super().is_due()


class Scheduler(DatabaseScheduler):  # type: ignore[misc]
    """Sees that the clock was set back by another that never is."""

    Entry = Entry
    _before: float | None = None

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        """Send what is due; seconds until the next look."""
        ahead = time.time() - time.monotonic()
        if self._before is not None and ahead < self._before - LEEWAY:
            self._heap = None  # when each is due was told by the clock as it was
        self._before = ahead
        return super().tick(*args, **kwargs)
