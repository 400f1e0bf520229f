"""The Django admin of projects: reading, deciding approvals, steering; never writing a state."""

from projects.admin import approvals, checkpoints, interventions, parts, projects, schedules, steps

__all__ = ["approvals", "checkpoints", "interventions", "parts", "projects", "schedules", "steps"]
