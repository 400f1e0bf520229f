"""The application of agents: who does the work."""

from __future__ import annotations

from django.apps import AppConfig


class AgentsConfig(AppConfig):
    """Registry of agents, and the library of those that ship with the product."""

    name = "agents"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Agents"

    def ready(self) -> None:
        """Have changes of circuits written down, whichever process brings them about."""
        from agents.services import circuits  # noqa: F401
