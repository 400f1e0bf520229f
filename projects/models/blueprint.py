"""Blueprint versions: what was registered, byte for byte, so that a running project keeps to its own."""

from __future__ import annotations

from django.db import models

from orchestrator_site import clock
from projects.models.ordered_json import OrderedJSONField


class BlueprintVersion(models.Model):
    """One version of a blueprint. Never changed once written: a project points to it for as long as it exists."""

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    name = models.CharField(max_length=100)
    version = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the canonical form of the definition.")
    source = models.TextField(help_text="The YAML as it was given.")
    definition = OrderedJSONField(help_text="The definition as it was understood, complete with defaults.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name", "-version")
        constraints = (models.UniqueConstraint(fields=("name", "version"), name="blueprint_version_is_unique"),)

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"
