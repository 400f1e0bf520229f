"""Finding and moving API keys; what expires is compared with the database's clock."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Self
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.db.models.functions import Least, Now

if TYPE_CHECKING:
    from orchestrator_site.access.models import APIKey

_NOTED_EVERY = timedelta(minutes=1)


class APIKeyQuerySet(models.QuerySet["APIKey"]):
    """API keys."""

    def usable(self) -> Self:
        """Those that open something now."""
        in_time = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
        return self.filter(in_time, revoked_at__isnull=True, user__is_active=True)

    def of_prefix(self, prefix: str) -> APIKey | None:
        """The key of a prefix, with its user, and with the database's time under ``asked_at``."""
        return self.select_related("user").annotate(asked_at=Now()).filter(prefix=prefix).first()

    def note_use(self, key_id: UUID) -> bool:
        """Note that a key was used; once a minute, so that reading costs no write. False: noted already."""
        stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=Now() - _NOTED_EVERY)
        return self.filter(stale, pk=key_id).update(last_used_at=Now()) == 1

    def revoke(self, key_id: UUID) -> bool:
        """End a key at once. False: it was revoked already."""
        return self.filter(pk=key_id, revoked_at__isnull=True).update(revoked_at=Now()) == 1

    def end_in(self, key_id: UUID, grace: timedelta) -> bool:
        """Let a key end after a time, or when it would have anyway. False: it opens nothing any more."""
        # LEAST of PostgreSQL passes over nulls.
        return self.usable().filter(pk=key_id).update(expires_at=Least("expires_at", Now() + grace)) == 1
