"""Schedules: projects that start by the clock."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from orchestrator_site import clock


class CatchUp(models.TextChoices):
    """What happens to the slots that passed while nothing looked."""

    SKIP = "skip", "Skip them"
    LATEST = "latest", "Start the latest of them"
    ALL = "all", "Start every one of them"


class Schedule(models.Model):
    """Start a project of a blueprint at each slot of a crontab: one project a slot, however often it is looked at."""

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    name = models.CharField(max_length=100, unique=True)
    blueprint = models.CharField(max_length=120, help_text="Its name, or name@version.")
    inputs = models.JSONField(default=dict, blank=True)
    intent = models.TextField(blank=True)
    priority = models.CharField(max_length=8, default="normal")
    crontab = models.ForeignKey("django_celery_beat.CrontabSchedule", on_delete=models.PROTECT)
    catch_up = models.CharField(max_length=6, choices=CatchUp.choices, default=CatchUp.LATEST)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    enabled = models.BooleanField(default=True)
    next_at = models.DateTimeField(help_text="The next slot.")
    failure = models.TextField(blank=True, help_text="Why the last slot started nothing.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)
        indexes = (models.Index(fields=("next_at",), condition=Q(enabled=True), name="schedule_by_next"),)

    def __str__(self) -> str:
        return self.name
