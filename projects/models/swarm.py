"""How far the search of a step is."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from projects.models.step import Step


class SwarmState(models.Model):
    """A search between two generations: all that is needed to go on with it, bit by bit as if nothing had been.

    Written under the lock of the step's phase, in one transaction with the items of the next generation. One row a
    step, however long the search: what was before is told by the events ``swarm.generation``.
    """

    step = models.OneToOneField(Step, on_delete=models.CASCADE, primary_key=True, related_name="swarm")
    generation = models.PositiveIntegerField(default=0, help_text="Generations that are folded.")
    generations = models.PositiveIntegerField(help_text="How many there are at most.")
    first = models.PositiveIntegerField(default=0, help_text="Place of the first item of the present generation.")
    following = models.PositiveIntegerField(default=0, help_text="Place of the next item that is put.")
    state = models.JSONField(help_text="The search, as agents.swarm keeps it.")
    best = models.JSONField(null=True, help_text="The best place so far.")
    value = models.FloatField(null=True, help_text="What the objective said there.")
    degraded = models.PositiveIntegerField(default=0, help_text="Chunks that a fallback answered.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(first__lte=F("following")), name="swarm_items_follow_one_another"),
            models.CheckConstraint(condition=Q(generation__lte=F("generations")), name="swarm_keeps_its_budget"),
        )

    def __str__(self) -> str:
        return f"generation {self.generation} of {self.generations}"
