"""The numbered versions of a live project's plan."""

from __future__ import annotations

from django.db import models

from projects.models.project import Project


class PlanVersion(models.Model):
    """What was to be done, from when on, by whose wish and why. The first is the blueprint's own."""

    id = models.BigAutoField(primary_key=True)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="plan_versions")
    number = models.PositiveIntegerField()
    author = models.CharField(max_length=200)
    reason = models.TextField(blank=True)
    plan = models.JSONField(help_text="Phases with their steps, complete.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("project", "number")
        constraints = (models.UniqueConstraint(fields=("project", "number"), name="plan_version_is_unique"),)

    def __str__(self) -> str:
        return f"plan {self.number}"
