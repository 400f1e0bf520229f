"""What the engine remembers about itself: when its regular work was last done, and how long agents take."""

from __future__ import annotations

from django.db import models


class Pulse(models.Model):
    """When a regular piece of work was last done, so that others notice where nobody does it."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Pace(models.Model):
    """How long an agent takes, as a moving average: short steps are packed several to a message."""

    agent = models.CharField(max_length=200, primary_key=True)
    seconds = models.FloatField()
    samples = models.PositiveBigIntegerField()
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.agent}: {self.seconds:.4f} s"
