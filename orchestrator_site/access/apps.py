"""The application of access."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccessConfig(AppConfig):
    """API keys, roles and actors."""

    name = "orchestrator_site.access"
    label = "access"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Access"

    def ready(self) -> None:
        """Keep the groups of the roles."""
        from orchestrator_site.access.groups import keep_groups

        post_migrate.connect(keep_groups, dispatch_uid="access.groups")
