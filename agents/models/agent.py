"""Registered agents, and what each can do."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from agents.states import AgentState
from agents.values import TransportName
from orchestrator_site.clock import new_id


class Agent(models.Model):
    """A registered performer of steps."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=100, help_text="Unique; a step may name it.")
    version = models.CharField(max_length=50, default="1.0.0")
    description = models.TextField(blank=True)
    service_type = models.CharField(max_length=100, blank=True, help_text="What sort of service it is, for discovery.")
    transport = models.CharField(max_length=20, choices=[(name.value, name.value) for name in TransportName])
    settings = models.JSONField(default=dict, blank=True, help_text="Those of its transport, such as its address.")
    tags = models.JSONField(default=list, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    region = models.CharField(max_length=100, blank=True)
    zone = models.CharField(max_length=100, blank=True)
    latitude = models.FloatField(null=True, blank=True, help_text="Degrees, north positive.")
    longitude = models.FloatField(null=True, blank=True, help_text="Degrees, east positive.")
    weight = models.FloatField(default=1.0)
    priority = models.IntegerField(default=0)
    max_concurrency = models.PositiveIntegerField(null=True, blank=True, help_text="Steps at once; empty: the default.")
    cost_per_call = models.DecimalField(max_digits=14, decimal_places=6, default=0)
    state = models.CharField(max_length=20, choices=AgentState.choices(), default=AgentState.STARTING)
    health = models.FloatField(default=1.0, help_text="From 0.0 to 1.0; the formula stands in agents/health.py.")
    registered_at = models.DateTimeField()
    heard_at = models.DateTimeField(help_text="Its last heartbeat that was written down.")

    class Meta:
        ordering = ("name",)
        constraints = [
            models.UniqueConstraint(fields=["name"], name="agent_name_once"),
            models.CheckConstraint(condition=Q(health__gte=0) & Q(health__lte=1), name="agent_health_in_range"),
            models.CheckConstraint(condition=Q(weight__gte=0), name="agent_weight_not_negative"),
            models.CheckConstraint(
                condition=Q(latitude__isnull=True, longitude__isnull=True)
                | Q(latitude__gte=-90, latitude__lte=90, longitude__gte=-180, longitude__lte=180),
                name="agent_place_on_earth",
            ),
        ]
        # Serves expiry: those that are not gone, by when they were last heard of.
        indexes = [
            models.Index(fields=["heard_at"], name="agent_by_heard", condition=~Q(state="gone")),
        ]

    def __str__(self) -> str:
        return self.name


class AgentCapability(models.Model):
    """That an agent can do something, and in which version."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="offers")
    name = models.CharField(max_length=100)
    version = models.CharField(max_length=50, default="1.0.0")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agent", "name"], name="agent_capability_once"),
        ]
        # Serves discovery: the versions that there are of a capability, and who offers one of them.
        indexes = [models.Index(fields=["name", "version", "agent"], name="agent_capability_by_name")]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"
