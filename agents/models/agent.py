"""Registered agents, what each can do, what happened to it, and which workers offer those that are Python."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Cast, Least

from agents.health import HEALTH_STEPS, LOAD_STEPS
from agents.querysets import AgentEventQuerySet, AgentQuerySet
from agents.states import AgentState
from agents.values import TransportName
from orchestrator_site.clock import new_id


class Agent(models.Model):
    """A registered performer of steps.

    A heartbeat that is written down changes ``heard_at``, ``load`` and ``health``, none of which is indexed, so that
    PostgreSQL updates the row in its page (HOT) and touches no index. What discovery orders by is ``standing``, which
    is coarse for that reason, and what it filters by is ``terms``; both follow from other columns.
    """

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
    load = models.FloatField(default=0.0, help_text="From 0.0, idle, to 1.0, full: what its last heartbeat said.")
    details = models.JSONField(default=dict, blank=True, help_text="What else its last heartbeat said.")
    state_at = models.DateTimeField(help_text="Since when it is in its state.")
    registered_at = models.DateTimeField()
    heard_at = models.DateTimeField(help_text="Its last heartbeat that was written down.")
    built_in = models.BooleanField(default=False, help_text="Offered by workers: it goes with the last of them.")
    digest = models.CharField(
        max_length=64, blank=True, help_text="Of what it was registered with: the same again changes nothing."
    )
    told = models.BooleanField(
        default=True, help_text="Whether those who wait for its departure know of it; false only while it is gone."
    )
    features = ArrayField(models.TextField(), default=list, blank=True, help_text="Its side of discovery's terms.")
    terms = models.GeneratedField(
        expression=Func(
            F("features"), F("state"), template="array_append(%(expressions)s)", arg_joiner=", 'state:' || "
        ),
        output_field=ArrayField(models.TextField()),
        db_persist=True,
    )
    standing = models.GeneratedField(
        expression=(HEALTH_STEPS - Cast(F("health") * Value(HEALTH_STEPS), models.IntegerField())) * (LOAD_STEPS + 1)
        + Cast(Least(F("load"), Value(1.0)) * Value(LOAD_STEPS), models.IntegerField()),
        output_field=models.IntegerField(),
        db_persist=True,
    )

    objects = AgentQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = [
            models.UniqueConstraint(fields=["name"], name="agent_name_once"),
            models.CheckConstraint(condition=Q(health__gte=0) & Q(health__lte=1), name="agent_health_in_range"),
            models.CheckConstraint(condition=Q(load__gte=0), name="agent_load_not_negative"),
            models.CheckConstraint(condition=Q(weight__gte=0), name="agent_weight_not_negative"),
            models.CheckConstraint(
                condition=Q(latitude__isnull=True, longitude__isnull=True)
                | Q(latitude__gte=-90, latitude__lte=90, longitude__gte=-180, longitude__lte=180),
                name="agent_place_on_earth",
            ),
            models.CheckConstraint(condition=Q(told=True) | Q(state=AgentState.GONE), name="agent_untold_is_gone"),
        ]
        indexes = [
            # Serves discovery where many match: the best first, until the page is full.
            models.Index(fields=["standing", "id"], name="agent_by_standing", condition=~Q(state="gone")),
            # Serves discovery where few match: those that have all of the terms, and no others. Without the list of
            # pending entries, which every search would have to read through.
            GinIndex(fields=["terms"], name="agent_by_terms", condition=~Q(state="gone"), fastupdate=False),
            # Serves telling of departures: those that are still to be told of.
            models.Index(fields=["id"], name="agent_untold", condition=Q(told=False)),
            # Serves the sweep, which asks for agents that drain and for those of workers that are gone.
            models.Index(fields=["id"], name="agent_draining", condition=Q(state="draining")),
            models.Index(fields=["id"], name="agent_built_in", condition=Q(built_in=True) & ~Q(state="gone")),
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
        # Serves discovery: the versions that there are of a capability, each found by one descent of the tree.
        indexes = [models.Index(fields=["name", "version", "agent"], name="agent_capability_by_name")]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class AgentEvent(models.Model):
    """One fact in an agent's life, never changed; those that are older than the settings want are removed."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="events", db_index=False)
    kind = models.CharField(max_length=50)
    data = models.JSONField(default=dict)
    actor = models.CharField(max_length=200)
    at = models.DateTimeField()

    objects = AgentEventQuerySet.as_manager()

    class Meta:
        ordering = ("-at", "-id")
        indexes = [
            # Serves an agent's page: what happened to it, latest first.
            models.Index(fields=["agent", "-at"], name="agent_event_by_agent"),
            # Serves removal: rows come in the order of time, so that a summary of pages is enough.
            BrinIndex(fields=["at"], name="agent_event_by_time", pages_per_range=16),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M:%S}"


class AgentWorker(models.Model):
    """A worker process that offers Python agents, for as long as it is heard of."""

    id = models.UUIDField(primary_key=True, editable=False)
    agents = ArrayField(models.UUIDField(), default=list, help_text="Those that it offers.")
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.id)


class Registry(models.Model):
    """What there is once of the registry: one row, made by the first change or sweep."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField(default=0, help_text="Goes up with every change that candidates depend on.")
    incarnation = models.CharField(max_length=36, blank=True, help_text="Of Redis: another one means that it is empty.")
    looked_at = models.DateTimeField(null=True, help_text="When the sweep last reached Redis.")
    listening_since = models.DateTimeField(null=True, help_text="Since when no heartbeat can have been missed.")

    class Meta:
        verbose_name_plural = "registries"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="registry_once")]

    def __str__(self) -> str:
        return f"version {self.version}"
