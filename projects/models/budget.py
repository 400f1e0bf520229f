"""Budgets: how much a project, a phase or an agent may use, and what was reserved and spent."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from projects.models.project import Project
from projects.models.step import Step


class Scope(models.TextChoices):
    """Whose use is counted."""

    PROJECT = "project", "Project"
    PHASE = "phase", "Phase"
    AGENT = "agent", "Agent"


class Measure(models.TextChoices):
    """What is counted."""

    TOKENS = "tokens", "Tokens"
    COST = "cost", "Cost"
    SECONDS = "seconds", "Seconds of work"
    LAUNCHES = "launches", "Attempts started"


class Budget(models.Model):
    """A limit. Above ``soft`` people are asked to raise it, and the step waits; above ``hard`` nothing goes.

    What is reserved is not kept here: it is the sum over the reservations of attempts that run.
    """

    id = models.BigAutoField(primary_key=True)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="budgets")
    scope = models.CharField(max_length=8, choices=Scope.choices)
    name = models.CharField(max_length=200, blank=True, help_text="Key of the phase, or name of the agent.")
    measure = models.CharField(max_length=8, choices=Measure.choices)
    soft = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    hard = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    spent = models.DecimalField(max_digits=20, decimal_places=6, default=0)
    raise_by = models.DecimalField(max_digits=20, decimal_places=6, null=True, help_text="What an approval adds.")

    class Meta:
        ordering = ("project", "scope", "name", "measure")
        constraints = (
            models.UniqueConstraint(fields=("project", "scope", "name", "measure"), name="budget_is_unique"),
            models.CheckConstraint(
                condition=Q(soft__isnull=True) | Q(hard__isnull=True) | Q(soft__lte=F("hard")),
                name="budget_soft_below_hard",
            ),
            models.CheckConstraint(condition=Q(spent__gte=0), name="budget_spent_not_negative"),
        )

    def __str__(self) -> str:
        return f"{self.measure} of {self.scope} {self.name}".strip()


class Reservation(models.Model):
    """What one attempt may use of one budget: counted while it runs, settled once with what it used."""

    id = models.BigAutoField(primary_key=True)
    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="reservations")
    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="reservations")
    attempt = models.PositiveIntegerField()
    amount = models.DecimalField(max_digits=20, decimal_places=6)
    used = models.DecimalField(max_digits=20, decimal_places=6, null=True, help_text="Null until it is settled.")

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("budget", "step", "attempt"), name="reservation_one_an_attempt"),
        )

    def __str__(self) -> str:
        return f"{self.amount} for attempt {self.attempt}"
