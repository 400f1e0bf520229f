"""The site's own application: embedded servers, the supervisor and the commands that start them."""

from __future__ import annotations

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """Composition of the product: what starts it, and what all its parts stand on."""

    name = "orchestrator_site"
    label = "orchestrator_site"
    verbose_name = "Phasegate"

    def ready(self) -> None:
        """Make the Celery application the current one, so that tasks published from any process reach it."""
        from orchestrator_site import celery  # noqa: F401
