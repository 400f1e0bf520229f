"""Signals: named messages from outside to a project, kept until a step takes them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from projects.models.project import Project
from projects.models.step import Step
from projects.querysets.signals import SignalQuerySet


class Signal(models.Model):
    """One message. It may come before the step that waits for it; each is taken once, the oldest first."""

    id = models.BigAutoField(primary_key=True)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="signals")
    name = models.CharField(max_length=100)
    payload = models.JSONField(null=True)
    key = models.CharField(max_length=200, blank=True, help_text="A signal of the same key is the same signal.")
    sender = models.CharField(max_length=200)
    sent_at = models.DateTimeField(auto_now_add=True)
    taken_by = models.ForeignKey(Step, on_delete=models.CASCADE, null=True, related_name="signals")

    objects = SignalQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("project", "name", "id"), condition=Q(taken_by=None), name="signal_not_taken"),)
        constraints = (
            models.UniqueConstraint(fields=("project", "key"), condition=~Q(key=""), name="signal_key_is_unique"),
        )

    def __str__(self) -> str:
        return self.name
