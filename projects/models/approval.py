"""Approvals, and the decisions of people on them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from orchestrator_site import clock
from orchestrator_site.digests import digest_of
from projects.models.constraints import finished_iff_terminal, known_state
from projects.models.ordered_json import OrderedJSONField
from projects.models.phase import Phase
from projects.models.project import Project
from projects.planning.binding import Seen
from projects.querysets.approvals import ApprovalQuerySet
from projects.states import APPROVAL, ApprovalState


class Purpose(models.TextChoices):
    """What an approval decides."""

    GATE = "gate", "Gate of a phase"
    LIMIT = "limit", "Gate of a phase of which no round is left"
    STEP = "step", "Step"
    BUDGET = "budget", "Raise of a budget"
    PLAN = "plan", "Change of the plan"


AT_A_GATE = (Purpose.GATE, Purpose.LIMIT)


class Approval(models.Model):
    """A question put to people: at the gate of a phase, as a step, for a budget, or about a change of the plan."""

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="approvals")
    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="approvals")
    purpose = models.CharField(max_length=8, choices=Purpose.choices, default=Purpose.GATE)
    step = models.ForeignKey("projects.Step", on_delete=models.CASCADE, null=True, blank=True, related_name="approvals")
    budget = models.ForeignKey(
        "projects.Budget", on_delete=models.CASCADE, null=True, blank=True, related_name="approvals"
    )
    round = models.PositiveSmallIntegerField(default=1)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    groups = models.JSONField(default=list, help_text="Names of the groups whose members may decide; empty: any.")
    quorum = models.PositiveSmallIntegerField(default=1, help_text="How many must approve.")
    approvals = models.PositiveSmallIntegerField(default=0, help_text="How many have approved.")
    form = OrderedJSONField(null=True, blank=True, help_text="JSON Schema of what an approver may edit.")
    content = models.JSONField(default=dict, help_text="The form's content, with the edits of those who approved.")
    asked_content = models.JSONField(null=True, blank=True, help_text="The content as it was asked, before any edit.")
    evidence = models.JSONField(default=list, help_text="What is shown: pairs of label and value, by the engine.")
    evidence_digest = models.CharField(max_length=64, help_text="SHA-256 over what was shown and the plan version.")
    plan_version = models.PositiveIntegerField(default=1, help_text="The plan that was shown.")
    supersedes = models.OneToOneField(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="superseded_by"
    )
    difference = models.JSONField(null=True, blank=True, help_text="What changed since it was last asked or approved.")
    state = models.CharField(max_length=12, choices=ApprovalState.choices(), default=ApprovalState.OPEN)
    deadline = models.DateTimeField(null=True, blank=True)
    on_timeout = models.CharField(max_length=10, default="reject")
    escalation = models.JSONField(null=True, blank=True, help_text="To whom it goes at the deadline, and until when.")
    escalated_at = models.DateTimeField(null=True, blank=True)
    on_reject = models.CharField(max_length=10, default="fail")
    opened_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            known_state("approval", ApprovalState),
            finished_iff_terminal("approval", APPROVAL),
            models.UniqueConstraint(
                fields=("phase",),
                condition=Q(state="open", purpose__in=("gate", "limit")),
                name="approval_one_open_a_gate",
            ),
            models.UniqueConstraint(
                fields=("step",), condition=Q(state="open", purpose="step"), name="approval_one_open_a_step"
            ),
            models.UniqueConstraint(
                fields=("budget",), condition=Q(state="open", purpose="budget"), name="approval_one_open_a_budget"
            ),
            models.CheckConstraint(condition=Q(quorum__gte=1), name="approval_quorum_at_least_one"),
        )
        indexes = (models.Index(fields=("deadline",), condition=Q(state="open"), name="approval_open_by_deadline"),)
        permissions = (("decide_approval", "Can decide approvals"),)

    def __str__(self) -> str:
        return self.title

    @property
    def iteration(self) -> int:
        """Which round of rework it is about, from 1."""
        return self.round - self.phase.base_round + 1

    @property
    def content_digest(self) -> str:
        """Of the content as it is, with the edits of those who have approved so far."""
        return digest_of(self.content)

    @property
    def seen(self) -> Seen:
        """What it shows to people, as it was asked."""
        return Seen(
            title=self.title,
            description=self.description,
            content=self.content if self.asked_content is None else self.asked_content,
            evidence=self.evidence,
            plan_version=self.plan_version,
            round=self.round,
        )


class Verdict(models.TextChoices):
    """What a person says."""

    APPROVE = "approve", "Approve"
    REJECT = "reject", "Reject"


class Decision(models.Model):
    """One person's verdict on an approval, or the deadline's."""

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    approval = models.ForeignKey(Approval, on_delete=models.CASCADE, related_name="decisions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="decisions")
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    comment = models.TextField(blank=True)
    edits = models.JSONField(default=dict)
    via = models.CharField(max_length=16, help_text="admin, api, command, auto or deadline.")
    evidence_digest = models.CharField(max_length=64, help_text="What the person had before them.")
    decided_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("decided_at",)
        constraints = (
            models.UniqueConstraint(fields=("approval", "user"), name="decision_one_a_person"),
            models.CheckConstraint(
                condition=Q(user__isnull=False) | Q(via="deadline"), name="decision_by_person_or_deadline"
            ),
        )

    def __str__(self) -> str:
        return f"{self.verdict} by {self.user or self.via}"
