"""The application of history."""

from __future__ import annotations

from django.apps import AppConfig


class HistoryConfig(AppConfig):
    """Append-only events with a verifiable hash chain."""

    name = "orchestrator_site.history"
    label = "history"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "History"
