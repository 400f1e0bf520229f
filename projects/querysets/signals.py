"""Taking signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self
from uuid import UUID

from django.db import models

if TYPE_CHECKING:
    from projects.models import Signal


class SignalQuerySet(models.QuerySet["Signal"]):
    """Signals."""

    def waiting(self) -> Self:
        """Those that no step has taken."""
        return self.filter(taken_by=None)

    def take(self, *, project_id: UUID, name: str, step_id: UUID) -> Signal | None:
        """Give the oldest one of a name to a step. None: there is none.

        Two steps never take the same: each is taken under the lock of the phase, and the row is locked beside.
        """
        oldest = self.waiting().filter(project_id=project_id, name=name).order_by("id")
        signal = oldest.select_for_update(of=("self",)).first()
        if signal is None or self.filter(pk=signal.pk, taken_by=None).update(taken_by=step_id) != 1:
            return None
        return signal
