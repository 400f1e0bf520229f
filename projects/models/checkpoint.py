"""Checkpoints: the full state of a project at a boundary, to go back to; and snapshots of other installations."""

from __future__ import annotations

from django.db import models

from orchestrator_site import clock
from projects.models.project import Project


class Occasion(models.TextChoices):
    """Why a checkpoint was taken."""

    START = "start", "Start"
    PHASE = "phase", "End of a phase"
    PAUSE = "pause", "Pause"
    REQUEST = "request", "Request"
    RESTORE = "restore", "Before a restore"


class Checkpoint(models.Model):
    """What is needed to rewind a project to here, compressed, under its digest."""

    id = models.BigAutoField(primary_key=True)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="checkpoints")
    number = models.PositiveIntegerField()
    occasion = models.CharField(max_length=8, choices=Occasion.choices)
    label = models.CharField(max_length=200, blank=True)
    author = models.CharField(max_length=200)
    event = models.BigIntegerField(help_text="The last event of the history that it holds.")
    plan_version = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64, help_text="Of the JSON text, before compression.")
    size = models.PositiveBigIntegerField(help_text="Bytes of the JSON text.")
    encoding = models.CharField(max_length=8)
    content = models.BinaryField()
    taken_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("project", "number")
        constraints = (models.UniqueConstraint(fields=("project", "number"), name="checkpoint_number_is_unique"),)

    def __str__(self) -> str:
        return f"checkpoint {self.number}"


class ImportedSnapshot(models.Model):
    """A snapshot of a project of another installation, to be looked at. Nothing here runs it."""

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    project_id = models.UUIDField(help_text="The project's id where it ran.")
    title = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64, unique=True)
    encoding = models.CharField(max_length=8)
    content = models.BinaryField()
    taken_at = models.DateTimeField()
    imported_by = models.CharField(max_length=200)
    imported_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-imported_at",)

    def __str__(self) -> str:
        return self.title
