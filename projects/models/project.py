"""Projects: one run of a blueprint each."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from orchestrator_site import clock
from projects.models.blueprint import BlueprintVersion
from projects.models.constraints import finished_iff_terminal, known_state
from projects.querysets.projects import ProjectQuerySet
from projects.states import PROJECT, Directive, ProjectState


class Priority(models.IntegerChoices):
    """Which queue a project's steps take; the lower is served first."""

    CRITICAL = 0, "critical"
    HIGH = 1, "high"
    NORMAL = 2, "normal"
    LOW = 3, "low"


class Project(models.Model):
    """One run of a blueprint: inputs, state, priority, owner."""

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    blueprint = models.ForeignKey(BlueprintVersion, on_delete=models.PROTECT, related_name="projects")
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=12, choices=ProjectState.choices(), default=ProjectState.PENDING)
    directive = models.CharField(max_length=8, choices=Directive.choices(), default=Directive.RUN)
    directive_since = models.DateTimeField(null=True, blank=True, help_text="When an operator last steered it.")
    inputs = models.JSONField(default=dict)
    variables = models.JSONField(default=dict)
    intent = models.TextField(blank=True, help_text="What is wanted, in words.")
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.NORMAL)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="projects"
    )
    # Null means no key: empty texts would collide in the unique constraint, and nulls do not.
    key = models.CharField(max_length=200, null=True, blank=True, help_text="One project a key.")  # noqa: DJ001
    job_digest = models.CharField(max_length=64, blank=True, help_text="Digest of blueprint, inputs and documents.")
    rerun_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="reruns")
    after = models.ManyToManyField("self", symmetrical=False, blank=True, related_name="followers")
    # A child knows the step it is for, not the step its child: a step is made long before.
    parent_step = models.OneToOneField(
        "projects.Step", on_delete=models.SET_NULL, null=True, blank=True, related_name="child"
    )
    held_by_parent = models.BooleanField(default=False, help_text="Paused because the project above it was.")
    schedule = models.ForeignKey(
        "projects.Schedule", on_delete=models.SET_NULL, null=True, blank=True, related_name="projects"
    )
    auto_approve = models.BooleanField(default=False, help_text="Approvals are given as soon as they open.")
    plan_version = models.PositiveIntegerField(default=1)
    deadline = models.DateTimeField(null=True, blank=True, help_text="When it is to be over.")
    drained_at = models.DateTimeField(null=True, blank=True, help_text="When nothing ran any more after a pause.")
    failure_code = models.CharField(max_length=60, blank=True)
    failure = models.TextField(blank=True, help_text="Why it failed, in a sentence.")
    created_at = models.DateTimeField(auto_now_add=True)
    start_asked_at = models.DateTimeField(
        null=True, blank=True, help_text="When somebody wanted it to begin after others that were not over."
    )
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            known_state("project", ProjectState),
            known_state("project", Directive, "directive"),
            finished_iff_terminal("project", PROJECT),
            models.UniqueConstraint(fields=("key",), condition=Q(key__isnull=False), name="project_key_is_unique"),
        )
        indexes = (
            # The list of projects, newest first, by state; and recovery, which reads the live ones only.
            models.Index(fields=("state", "-id"), name="project_by_state"),
            models.Index(fields=("id",), condition=Q(state__in=("pending", "running")), name="project_live"),
            models.Index(fields=("job_digest",), condition=~Q(job_digest=""), name="project_by_job_digest"),
        )
        permissions = (
            ("start_project", "Can start projects"),
            ("control_project", "Can pause, resume and cancel projects"),
        )

    def __str__(self) -> str:
        return f"{self.title} ({self.short_id})"

    @property
    def short_id(self) -> str:
        """The last eight digits: the first of a UUIDv7 are the time, and alike among neighbours."""
        return str(self.id)[-8:]

    @property
    def priority_name(self) -> str:
        """The word for the priority, as queues and commands use it."""
        return Priority(self.priority).label

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in PROJECT.terminal
