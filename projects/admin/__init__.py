"""The Django admin of projects: reading, deciding approvals, steering; never writing a state."""

from projects.admin import approvals, interventions, parts, projects, schedules, steps

__all__ = ["approvals", "interventions", "parts", "projects", "schedules", "steps"]
