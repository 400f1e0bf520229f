"""The table of idempotency keys of the whole API."""

from __future__ import annotations

from orchestrator_site.api.records import AnsweredOnce


class IdempotencyRecord(AnsweredOnce):
    """One key of one user, and what it was answered."""

    class Meta(AnsweredOnce.Meta):
        pass
