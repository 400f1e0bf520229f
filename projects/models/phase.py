"""Phases: the ordered parts of a project, each ending in a gate."""

from __future__ import annotations

from django.db import models

from orchestrator_site import clock
from projects.models.constraints import finished_iff_terminal, known_state
from projects.models.ordered_json import OrderedJSONField
from projects.models.project import Project
from projects.states import PHASE, PhaseState


class Phase(models.Model):
    """A part of a project. Its row is the lock under which ``advance`` decides."""

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="phases")
    key = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    position = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=12, choices=PhaseState.choices(), default=PhaseState.PENDING)
    round = models.PositiveSmallIntegerField(default=1, help_text="Counts up when an approver sends it back.")
    base_round = models.PositiveSmallIntegerField(
        default=1, help_text="The round from which rounds of rework are counted; a restore raises it."
    )
    gate = OrderedJSONField(null=True, help_text="Quality conditions and approval, as in the blueprint.")
    quality = models.JSONField(default=list, help_text="What each quality condition said in this round.")
    comments = models.JSONField(default=list, help_text="Why it was sent back, a sentence a round.")
    rounds = models.JSONField(
        default=list, help_text="How earlier rounds of rework ended: round, quality, reasons and when, one each."
    )
    failure = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("project", "position")
        constraints = (
            known_state("phase", PhaseState),
            finished_iff_terminal("phase", PHASE),
            models.UniqueConstraint(fields=("project", "key"), name="phase_key_is_unique"),
            models.UniqueConstraint(fields=("project", "position"), name="phase_position_is_unique"),
            # Phases follow one another: at most one of a project is being worked on.
            models.UniqueConstraint(
                fields=("project",),
                condition=models.Q(state__in=("running", "waiting")),
                name="phase_one_at_a_time",
            ),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def iteration(self) -> int:
        """Which round of rework this is, from 1."""
        return self.round - self.base_round + 1
