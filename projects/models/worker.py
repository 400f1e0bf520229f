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
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ("name",)
        indexes = (models.Index(fields=("seen_at",), name="worker_by_seen"),)

    def __str__(self) -> str:
        return self.name
