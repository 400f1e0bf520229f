"""The application of logs and health."""

from __future__ import annotations

from django.apps import AppConfig


class ObservabilityConfig(AppConfig):
    """Logs, request ids, ``/health`` and ``/ready``. It has no tables."""

    name = "orchestrator_site.observability"
    label = "observability"
    verbose_name = "Observability"
