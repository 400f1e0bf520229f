"""The application of projects: blueprints, the engine, approvals and control."""

from __future__ import annotations

from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    """Long, many-step projects of agents and people."""

    name = "projects"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Projects"

    def ready(self) -> None:
        """Tell the registry who has work with its agents, and who waits for some."""
        from agents.services import arrivals, expiry
        from projects.services import departures
        from projects.services.arrivals import send_for_steps

        expiry.on_gone(departures.release)
        expiry.counts_running(departures.running_with)
        arrivals.on_arrival(send_for_steps)
