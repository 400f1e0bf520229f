"""The application of sagas: actions with compensations."""

from __future__ import annotations

from django.apps import AppConfig


class SagasConfig(AppConfig):
    """Sets of actions that end completed or compensated."""

    name = "sagas"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Sagas"
