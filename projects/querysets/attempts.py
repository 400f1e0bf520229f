"""Attempts as people count them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Self
from uuid import UUID

from django.db import models
from django.db.models import Count

from projects.states import AttemptOutcome

if TYPE_CHECKING:
    from projects.models import Attempt, Step  # noqa: F401


class AttemptQuerySet(models.QuerySet["Attempt"]):
    """Attempts."""

    def taken(self) -> Self:
        """Those that an agent began: that none could take a step is noted beside them, and is no attempt.

        A step's own ``attempt`` is no count of these: it is its fencing number, which every claim raises.
        """
        return self.exclude(outcome=AttemptOutcome.HELD)

    def taken_by(self, steps: Iterable[Step]) -> dict[UUID, int]:
        """How many agents began of each of some steps, by its id; one query."""
        tried = [step.pk for step in steps if step.attempt]
        rows = self.taken().filter(step__in=tried).order_by().values_list("step").annotate(n=Count("id"))
        return dict(rows)
