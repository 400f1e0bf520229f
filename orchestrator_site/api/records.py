"""Idempotency keys: what a write that came with one has answered, so that the same write is not done twice.

The table belongs to an application: the setting ``IDEMPOTENCY_RECORD`` names its model, as Django's own setting
names the model of users.
"""

from __future__ import annotations

from django.apps import apps
from django.conf import settings
from django.db import models

from orchestrator_site import clock


class AnsweredOnce(models.Model):
    """One key of one user: a digest of the request it came with, and the answer it was given.

    It is written in the transaction that does the work, so that it is there exactly when the work is done; the unique
    constraint is what two requests at once cannot both get past.
    """

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body.")
    status = models.PositiveSmallIntegerField(help_text="HTTP status of the answer.")
    body = models.JSONField(null=True, help_text="The answer.")
    headers = models.JSONField(default=dict, help_text="Headers of the answer that tell where to look.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
        constraints = (models.UniqueConstraint(fields=("user", "key"), name="idempotency_key_is_unique"),)
        # Those that are too old are removed by their age.
        indexes = (models.Index(fields=("created_at",), name="idempotency_by_age"),)

    def __str__(self) -> str:
        return self.key


def record_model() -> type[AnsweredOnce]:
    """The model that keeps them."""
    model = apps.get_model(settings.IDEMPOTENCY_RECORD)
    assert issubclass(model, AnsweredOnce)  # noqa: S101 the setting is ours
    return model
