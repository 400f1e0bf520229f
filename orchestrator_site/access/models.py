"""API keys."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from orchestrator_site import clock
from orchestrator_site.access.querysets import APIKeyQuerySet
from orchestrator_site.access.roles import Role


class APIKey(models.Model):
    """A key by which a program acts for a user, within one role. The secret is shown once, kept nowhere."""

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    name = models.CharField(max_length=100, help_text="What it is for, in words.")
    prefix = models.CharField(max_length=8, unique=True, help_text="The part that may be shown.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the whole key, in hexadecimal.")
    role = models.CharField(max_length=8, choices=[(role.value, role.value.capitalize()) for role in Role])
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="api_keys",
        help_text="For whom it acts.",
    )
    created_by = models.CharField(max_length=200, blank=True, help_text="Who made it, as history calls them.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the minute.")
    revoked_at = models.DateTimeField(null=True, blank=True)
    replaces = models.OneToOneField(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="replaced_by"
    )

    objects = APIKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(condition=Q(role__in=[role.value for role in Role]), name="api_key_known_role"),
            models.CheckConstraint(
                condition=Q(prefix__regex=r"^[a-z0-9]{8}$") & Q(digest__regex=r"^[0-9a-f]{64}$"),
                name="api_key_of_our_form",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} (pg_live_{self.prefix}_…)"

    @property
    def as_role(self) -> Role:
        """Its role."""
        return Role(self.role)
