"""Worker processes, as they last said that they live."""

from __future__ import annotations

from django.db import models


class Worker(models.Model):
    """A process that claims steps. Its id is in the lease of each step that it runs."""

    id = models.UUIDField(primary_key=True, editable=False)
    name = models.CharField(max_length=200)
    host = models.CharField(max_length=200)
    pid = models.PositiveIntegerField()
    pools = models.JSONField(default=list)
    # While the process lives, its session holds the PostgreSQL advisory lock of this number: the server lets go of it
    # the moment the process dies. Null where sessions are pooled away, so that only the lease tells.
    lock_key = models.BigIntegerField(null=True)
    locked_at = models.DateTimeField(null=True, help_text="Since when its session holds the lock.")
    suspected_at = models.DateTimeField(null=True, help_text="When its lock was first seen free.")
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ("name",)
        indexes = (models.Index(fields=("seen_at",), name="worker_by_seen"),)

    def __str__(self) -> str:
        return self.name
