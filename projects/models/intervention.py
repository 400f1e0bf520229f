"""Interventions: changes that operators made to live projects."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from orchestrator_site import clock
from projects.models.approval import Approval
from projects.models.constraints import finished_iff_terminal, known_state
from projects.models.project import Project
from projects.states import INTERVENTION, InterventionState


class Change(models.TextChoices):
    """The six interventions."""

    RETRY = "retry", "Retry"
    SKIP = "skip", "Skip"
    MODIFY = "modify", "Modify"
    ADD = "add", "Add"
    REMOVE = "remove", "Remove"
    REORDER = "reorder", "Reorder"


class Intervention(models.Model):
    """Who changed what of a plan, when and why, with the plan before and after."""

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="interventions")
    change = models.CharField(max_length=8, choices=Change.choices)
    step_key = models.CharField(max_length=120)
    arguments = models.JSONField(default=dict)
    author = models.CharField(max_length=200)
    reason = models.TextField(blank=True)
    difference = models.JSONField(default=list, help_text="What changes, a line a step: before and after.")
    preview_digest = models.CharField(max_length=64)
    plan_before = models.PositiveIntegerField()
    plan_after = models.PositiveIntegerField(null=True)
    state = models.CharField(max_length=10, choices=InterventionState.choices(), default=InterventionState.PROPOSED)
    refusal = models.TextField(blank=True)
    approval = models.OneToOneField(
        Approval, on_delete=models.SET_NULL, null=True, blank=True, related_name="intervention"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            known_state("intervention", InterventionState),
            finished_iff_terminal("intervention", INTERVENTION),
            models.CheckConstraint(
                condition=~Q(state="applied") | Q(plan_after__isnull=False), name="intervention_applied_has_a_plan"
            ),
        )
        permissions = (("intervene", "Can change the plans of live projects"),)

    def __str__(self) -> str:
        return f"{self.change} {self.step_key}"
