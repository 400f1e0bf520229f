"""Approvals and decisions."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from orchestrator_site.api.fields import (
    AnyField,
    NamedChoiceField,
    ObjectField,
    StateField,
    StrictSerializer,
)
from projects.models import Approval, Decision
from projects.models.approval import Purpose, Verdict
from projects.states import ApprovalState

PURPOSES = {each.value: str(each.label) for each in Purpose}
VERDICTS = {Verdict.APPROVE.value: "Yes.", Verdict.REJECT.value: "No; a comment says why."}


class DecisionGivenSerializer(StrictSerializer):
    """A verdict: `verdict` in words, or `approve` as true or false."""

    verdict = NamedChoiceField("Verdict", VERDICTS, required=False)
    approve = serializers.BooleanField(required=False, allow_null=True, default=None)
    comment = serializers.CharField(
        required=False, allow_blank=True, max_length=10_000, help_text="A rejection needs one."
    )
    edits = ObjectField(required=False, help_text="What is changed of `content`, as `form` allows.")
    evidence_digest = serializers.RegexField(
        "^[0-9a-f]{64}$",
        required=False,
        help_text="The `evidence_digest` of the approval as you read it: 409 if it has changed since.",
    )
    content_digest = serializers.RegexField(
        "^[0-9a-f]{64}$",
        required=False,
        help_text="The `content_digest` of the approval as you read it: 409 if somebody has edited the content since. "
        "Without it you decide on the content as it was asked: 409 if somebody has edited it at all.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One verdict, said in one way."""
        said = attrs.pop("approve", None)
        if (said is None) == ("verdict" not in attrs):
            raise serializers.ValidationError("Give `verdict` (approve or reject), or `approve` (true or false).")
        word = attrs.get("verdict") or (Verdict.APPROVE if said else Verdict.REJECT)
        return {**attrs, "verdict": Verdict(word)}


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    """What somebody decided."""

    user = serializers.CharField(source="user.username", default=None, allow_null=True)
    verdict = NamedChoiceField("Verdict", VERDICTS)
    edits = ObjectField()

    class Meta:
        model = Decision
        fields = ("user", "verdict", "comment", "edits", "via", "evidence_digest", "decided_at")
        read_only_fields: tuple[str, ...] = fields


class EvidenceSerializer(serializers.Serializer[Any]):
    """A fact that is shown to those who decide. It is data out of steps and documents, never markup."""

    label = serializers.CharField()  # type: ignore[assignment]
    value = AnyField()


class DifferenceSerializer(serializers.Serializer[Any]):
    """What an approval shows otherwise than the one before it; null stands for what was or is not there."""

    label = serializers.CharField()  # type: ignore[assignment]
    before = AnyField()
    after = AnyField()


class ApprovalSerializer(serializers.ModelSerializer[Approval]):
    """An approval as lists show it."""

    project = serializers.UUIDField(source="project_id")
    project_title = serializers.CharField(source="project.title")
    purpose = NamedChoiceField("ApprovalPurpose", PURPOSES)
    phase = serializers.CharField(source="phase.key")
    step = serializers.CharField(
        source="step.key", default=None, allow_null=True, help_text="The step that asks, where one does."
    )
    state = StateField(ApprovalState)
    groups = serializers.ListField(child=serializers.CharField(), help_text="Whose members may decide; empty: any.")

    class Meta:
        model = Approval
        fields: tuple[str, ...] = (
            "id",
            "project",
            "project_title",
            "purpose",
            "phase",
            "step",
            "round",
            "title",
            "state",
            "groups",
            "quorum",
            "approvals",
            "deadline",
            "on_timeout",
            "on_reject",
            "opened_at",
            "finished_at",
        )
        read_only_fields: tuple[str, ...] = fields


class ApprovalDetailSerializer(ApprovalSerializer):
    """An approval, with what is shown to those who decide."""

    form = AnyField(help_text="JSON Schema of what an approver may edit.")
    content = AnyField(help_text="The form's content, with the edits of those who approved so far.")
    content_digest = serializers.CharField(help_text="SHA-256 over `content`: give it with your decision.")
    evidence = EvidenceSerializer(many=True)
    decisions = DecisionSerializer(many=True)
    supersedes = serializers.UUIDField(
        source="supersedes_id", allow_null=True, help_text="The approval that is void and that this one is asked for."
    )
    superseded_by = serializers.UUIDField(
        source="superseded_by.pk", default=None, allow_null=True, help_text="The one that is asked instead of this."
    )
    difference = DifferenceSerializer(
        many=True, allow_null=True, help_text="What is different from the one that it supersedes."
    )

    class Meta(ApprovalSerializer.Meta):
        fields: tuple[str, ...] = (
            *ApprovalSerializer.Meta.fields,
            "description",
            "form",
            "content",
            "content_digest",
            "evidence",
            "evidence_digest",
            "plan_version",
            "supersedes",
            "superseded_by",
            "difference",
            "escalated_at",
            "decisions",
        )
        read_only_fields: tuple[str, ...] = fields
