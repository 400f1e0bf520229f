"""Timers: moments at which somebody has to look at a project."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from projects.models.approval import Approval
from projects.models.project import Project
from projects.models.step import Step
from projects.querysets.timers import TimerQuerySet


class TimerKind(models.TextChoices):
    """What is due."""

    RETRY = "retry", "Another attempt at a step"
    WAIT = "wait", "The end of a wait"
    APPROVAL = "approval", "The deadline of an approval"
    PROJECT = "project", "The deadline of a project"
    START = "start", "The end of the time in which somebody has to begin a step"
    CLOSE = "close", "The end of the time of a step with all its attempts"
    ROOM = "room", "Another look whether a budget or a limit has room"


class Timer(models.Model):
    """A row that is due at a moment of the database's clock, and is taken away when it has been seen to.

    A pause moves ``due_at`` by its length when it ends: the clocks of a paused project stand still.
    """

    id = models.BigAutoField(primary_key=True)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="timers")
    kind = models.CharField(max_length=10, choices=TimerKind.choices)
    step = models.ForeignKey(Step, on_delete=models.CASCADE, null=True, related_name="timers")
    approval = models.ForeignKey(Approval, on_delete=models.CASCADE, null=True, related_name="timers")
    due_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TimerQuerySet.as_manager()

    class Meta:
        ordering = ("due_at",)
        indexes = (models.Index(fields=("due_at",), name="timer_by_due"),)
        constraints = (
            models.UniqueConstraint(fields=("step", "kind"), condition=Q(step__isnull=False), name="timer_one_a_step"),
            models.UniqueConstraint(
                fields=("approval",), condition=Q(approval__isnull=False), name="timer_one_an_approval"
            ),
            models.UniqueConstraint(fields=("project",), condition=Q(kind="project"), name="timer_one_a_deadline"),
        )

    def __str__(self) -> str:
        return f"{self.kind} at {self.due_at:%Y-%m-%d %H:%M:%S}"
