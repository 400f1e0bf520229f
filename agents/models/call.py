"""What agents used, call by call."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class AgentCall(models.Model):
    """One call that used tokens or cost something: written when it is over, whatever becomes of its attempt."""

    agent = models.CharField(max_length=100)
    model = models.CharField(max_length=200, blank=True, help_text="The language model, where it was one.")
    project_id = models.UUIDField()
    step_id = models.UUIDField()
    attempt = models.PositiveIntegerField()
    tokens_in = models.PositiveBigIntegerField(default=0)
    tokens_out = models.PositiveBigIntegerField(default=0)
    cost = models.DecimalField(max_digits=20, decimal_places=8, default=0, help_text="In the currency of budgets.")
    seconds = models.FloatField(help_text="From the request to the reply.")
    finished_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("id",)
        constraints = [
            models.CheckConstraint(condition=Q(cost__gte=0), name="agent_call_cost_not_negative"),
            models.CheckConstraint(condition=Q(seconds__gte=0), name="agent_call_seconds_not_negative"),
        ]
        indexes = [
            # Serve what an agent, a project or a step has used.
            models.Index(fields=["agent", "finished_at"], name="agent_call_by_agent"),
            models.Index(fields=["project_id", "agent"], name="agent_call_by_project"),
            models.Index(fields=["step_id", "attempt"], name="agent_call_by_step"),
        ]

    def __str__(self) -> str:
        return f"{self.agent} for {self.step_id}: {self.tokens_in} + {self.tokens_out} tokens, {self.cost}"
