"""The application of projects: blueprints, the engine, approvals and control."""

from __future__ import annotations

from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    """Long, many-step projects of agents and people."""

    name = "projects"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Projects"
