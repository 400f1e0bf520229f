"""Reading events."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Self
from uuid import UUID

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from orchestrator_site.history.models import Event  # noqa: F401


class EventQuerySet(models.QuerySet["Event"]):
    """Events, oldest first."""

    def of(self, stream: UUID) -> Self:
        """The events of one stream."""
        return self.filter(stream=stream)

    def matching(
        self,
        *,
        kinds: Collection[str] = (),
        actor: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Self:
        """Those of some kinds (``step.`` with its dot means all that begin so), by somebody, about something.

        ``since`` is inclusive and ``until`` exclusive, by the database's clock.
        """
        found = self
        if kinds:
            wanted = Q()
            for kind in kinds:
                wanted |= Q(kind__startswith=kind) if kind.endswith(".") else Q(kind=kind)
            found = found.filter(wanted)
        if actor is not None:
            # Whoever acts with an API key is "user:alice key:ab12cd34".
            found = found.filter(Q(actor=actor) | Q(actor__startswith=f"{actor} "))
        if subject is not None:
            found = found.filter(subject=subject)
        if since is not None:
            found = found.filter(at__gte=since)
        if until is not None:
            found = found.filter(at__lt=until)
        return found

    def after(self, event_id: int | None) -> Self:
        """The next ones behind a cursor, in the order of their numbers."""
        return self.order_by("id") if event_id is None else self.order_by("id").filter(id__gt=event_id)

    def before(self, event_id: int | None) -> Self:
        """The same backwards, newest first."""
        return self.order_by("-id") if event_id is None else self.order_by("-id").filter(id__lt=event_id)

    def following(self, seq: int = 0) -> Self:
        """What comes behind a place in the chain, in its order, each annotated with its ``seq``.

        A number is given when an event is written, and seen when its transaction commits, so that a lower
        one may come into sight later; the chain has no such gaps. Who must miss nothing follows this.
        """
        return self.filter(seal__seq__gt=seq).annotate(seq=models.F("seal__seq")).order_by("seal__seq")

    def sealed(self) -> Self:
        """Those that stand in the chain."""
        return self.filter(seal__isnull=False)
