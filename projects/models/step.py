"""Steps, their attempts, and which step needs which."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from orchestrator_site import clock
from projects.models.constraints import finished_iff_terminal, known_state
from projects.models.phase import Phase
from projects.models.project import Project
from projects.querysets.attempts import AttemptQuerySet
from projects.states import STEP, AttemptOutcome, StepState


class Step(models.Model):
    """One unit of work by one agent.

    A ``for_each`` step is a row that waits, with one row an item that points to it by ``parent``; items share the
    specification of their parent. A round of rework makes new rows, so that a committed result is never overwritten.
    """

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    # Foreign keys without an index of their own are the first column of another index, or never searched by: a step is
    # written four times, and each index is written with it.
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="steps", db_index=False)
    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="steps")
    key = models.CharField(max_length=120, help_text="As in the blueprint; of an item, with its index: calls[3].")
    round = models.PositiveSmallIntegerField(default=1)
    position = models.PositiveIntegerField(help_text="Order in the phase, or of an item in its list.")
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="items", db_index=False)
    item = models.JSONField(null=True, help_text="The item of the list that this step is for.")
    spec = models.JSONField(null=True, help_text="What to do, as in the blueprint; null for an item: its parent's.")
    kind = models.CharField(max_length=16, default="agent", help_text="Who or what does it; see the blueprint.")
    agent = models.CharField(max_length=200)
    pool = models.CharField(max_length=8, help_text="Which pool of workers runs it: cpu or io.")
    on_failure = models.CharField(max_length=16, default="fail")
    state = models.CharField(max_length=12, choices=StepState.choices(), default=StepState.PENDING)

    attempt = models.PositiveIntegerField(default=0, help_text="Counts claims: the fencing token of the lease.")
    failures = models.PositiveSmallIntegerField(default=0, help_text="Attempts that failed or timed out.")
    crashes = models.PositiveSmallIntegerField(default=0, help_text="Attempts that ended with their worker.")
    lease_owner = models.UUIDField(null=True, help_text="The worker process that holds the lease.")
    lease_until = models.DateTimeField(null=True, help_text="When the lease ends unless it is renewed.")
    timeout_seconds = models.FloatField(default=300.0, help_text="How long one attempt may take.")
    timeout_at = models.DateTimeField(null=True, help_text="When the attempt has taken too long.")
    available_at = models.DateTimeField(null=True, help_text="Not to be claimed before: the wait of a retry.")
    published_at = models.DateTimeField(null=True, help_text="When its message was sent; null: to be sent.")

    # A guarded step is claimed alone, and only where its budgets and its concurrency key have room.
    guarded = models.BooleanField(default=False, help_text="Claimed only where a budget or a limit has room.")
    concurrency_key = models.CharField(max_length=200, blank=True, help_text="Steps of one key share a limit.")
    concurrency_limit = models.PositiveSmallIntegerField(null=True, help_text="How many of that key may run at once.")

    result = models.JSONField(null=True)
    result_blob = models.ForeignKey(
        "projects.Blob",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        help_text="A large result, kept aside.",
    )
    carried_from = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,
        help_text="The step of an earlier round or run whose result this one keeps.",
    )
    degraded = models.JSONField(null=True, help_text="Where the result is its fallback's: whose, and why.")
    error = models.JSONField(null=True, help_text="The last error: code, message, and where it came from.")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("phase", "round", "position")
        constraints = (
            known_state("step", StepState),
            finished_iff_terminal("step", STEP),
            models.CheckConstraint(
                condition=(
                    Q(state=StepState.RUNNING, lease_owner__isnull=False, lease_until__isnull=False)
                    | (~Q(state=StepState.RUNNING) & Q(lease_owner__isnull=True, lease_until__isnull=True))
                ),
                name="step_running_iff_leased",
            ),
            models.UniqueConstraint(fields=("project", "key", "round"), name="step_key_is_unique_in_its_round"),
        )
        indexes = (
            # The items of a step, those of a search from a place on. Most steps are none, and do not pay for it.
            models.Index(fields=("parent", "position"), condition=Q(parent__isnull=False), name="step_items_in_order"),
            # advance: the items of a for_each that are not over, in order.
            models.Index(
                fields=("parent", "position"),
                condition=Q(parent__isnull=False, state__in=("pending", "ready", "running", "waiting")),
                name="step_open_items",
            ),
            # "Has any of them failed?", asked as often, and almost always without an entry.
            models.Index(
                fields=("parent",), condition=Q(parent__isnull=False, state="failed"), name="step_failed_items"
            ),
            # Heartbeats renew, and recovery takes back, by this one. As many run as there are workers: whose lease has
            # ended, and how many of a key run, is found by reading all of it.
            models.Index(fields=("lease_owner",), condition=Q(lease_owner__isnull=False), name="step_by_lease_owner"),
            # "Is anything of this project in flight?", asked by recovery of every live project.
            models.Index(
                fields=("project", "state", "published_at"),
                condition=Q(state__in=("pending", "ready", "running", "waiting")),
                name="step_live_by_project",
            ),
            # "Whose message is old?"
            models.Index(
                fields=("published_at",), condition=Q(state="ready", published_at__isnull=False), name="step_published"
            ),
        )

    def __str__(self) -> str:
        return self.key


class Dependency(models.Model):
    """That ``step`` needs ``needs`` to be through first. Both are of one phase and round, and neither is an item."""

    id = models.BigAutoField(primary_key=True)
    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="dependencies", db_index=False)
    needs = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="dependents")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("step", "needs"), name="dependency_is_unique"),
            models.CheckConstraint(condition=~Q(step=models.F("needs")), name="dependency_not_on_itself"),
        )

    def __str__(self) -> str:
        return f"{self.step_id} needs {self.needs_id}"


class Attempt(models.Model):
    """One claim of a step by a worker, and how it ended."""

    id = models.BigAutoField(primary_key=True)
    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="attempts", db_index=False)
    number = models.PositiveIntegerField()
    worker = models.UUIDField()
    outcome = models.CharField(max_length=12, choices=AttemptOutcome.choices(), default=AttemptOutcome.RUNNING)
    error = models.JSONField(null=True)
    performer = models.CharField(max_length=100, blank=True, db_default="", help_text="The agent that was chosen.")
    performer_id = models.UUIDField(null=True, help_text="Its id in the registry.")
    decision = models.JSONField(null=True, help_text="Why this agent was chosen, and others were not.")
    details = models.JSONField(null=True, help_text="What the agent said in its last heartbeat.")
    place = models.JSONField(null=True, help_text="The place that an agent which answers later keeps for it.")
    tokens_in = models.BigIntegerField(default=0)
    tokens_out = models.BigIntegerField(default=0)
    cost = models.DecimalField(max_digits=14, decimal_places=6, default=0)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    objects = AttemptQuerySet.as_manager()

    class Meta:
        ordering = ("step", "number")
        constraints = (
            known_state("attempt", AttemptOutcome, "outcome"),
            models.UniqueConstraint(fields=("step", "number"), name="attempt_number_is_unique"),
        )
        indexes = (
            # "What has this agent running?", asked when it drains or is gone. Most attempts name no agent.
            models.Index(
                fields=("performer_id",),
                condition=Q(performer_id__isnull=False, finished_at__isnull=True),
                name="attempt_running_by_agent",
            ),
        )

    def __str__(self) -> str:
        return f"attempt {self.number}"
