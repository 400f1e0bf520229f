"""What operators forced of agents' circuits."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from agents.models.agent import Agent
from agents.resilience.states import FORCED, CircuitState

_ORDERS = sorted({CircuitState.CLOSED, *FORCED})


class CircuitOrder(models.Model):
    """The last order about an agent's circuit. Redis has a copy, which may be lost; this one is not."""

    agent = models.OneToOneField(Agent, on_delete=models.CASCADE, primary_key=True, related_name="circuit_order")
    state = models.CharField(
        max_length=20,
        choices=[(state.value, state.value.replace("_", " ")) for state in _ORDERS],
        help_text="Forced open, forced closed, or closed: left to itself.",
    )
    version = models.PositiveIntegerField(help_text="Grows with each order, so that none undoes a later one.")
    actor = models.CharField(max_length=200)
    reason = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in _ORDERS]), name="circuit_order_is_one_of_three"
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="circuit_order_is_numbered"),
        ]

    def __str__(self) -> str:
        return f"{self.agent_id}: {self.state}"
