"""Interventions, and previews of them and of other controls."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from orchestrator_site.api.fields import AnyField, NamedChoiceField, ObjectField, StateField, StrictSerializer
from projects.states import InterventionState

CHANGES = {
    "retry": "Try a failed step again, in its place; a failed project runs again.",
    "skip": "Pass over a step that has not started, or has failed. `arguments`: `result`, a stand-in for its own.",
    "modify": "Change a step that has not started. `arguments`: `params`, `agent`, `capability`, `version`, `route`, "
    "`fallback`, `timeout`, `timeouts`, `retry`.",
    "add": "Put in a step. `arguments`: `definition`, as in a blueprint; `before`, `after`, or `phase` for its end.",
    "remove": "Take out a step that has not started and that nothing needs.",
    "reorder": "Move a step that has not started. `arguments`: `before`, `after`, `needs`.",
}
DIGEST = "^[0-9a-f]{64}$"


class ChangeGivenSerializer(StrictSerializer):
    """A change of a plan, as asked for."""

    change = NamedChoiceField("Change", CHANGES)
    step = serializers.CharField(
        required=False, allow_blank=True, max_length=120, help_text="Its key; of a step to add, as in its definition."
    )
    arguments = ObjectField(required=False, help_text="As the change takes them.")


class InterventionGivenSerializer(ChangeGivenSerializer):
    """A change of a plan that is to be made."""

    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000, help_text="Why, for the history.")
    preview_digest = serializers.RegexField(
        DIGEST, required=False, help_text="The `digest` of the preview that is confirmed: 409 if it would differ now."
    )


class PlanDifferenceSerializer(serializers.Serializer[Any]):
    """What changes of one step."""

    step = serializers.CharField()
    phase = serializers.CharField()
    change = serializers.CharField(help_text="added, removed, changed, moved, skipped, retried or revived.")
    before = AnyField(help_text="The values that change, as they are; null for a step that is added.")
    after = AnyField(help_text="The same as they will be; null for a step that is removed.")


class InterventionSerializer(serializers.Serializer[Any]):
    """A change that an operator made, or proposed, to the plan of a live project."""

    id = serializers.UUIDField()
    change = NamedChoiceField("Change", CHANGES)
    step = serializers.CharField(source="step_key")
    arguments = ObjectField()
    author = serializers.CharField()
    reason = serializers.CharField()
    state = StateField(InterventionState)
    refusal = serializers.CharField(help_text="Why it was refused.")
    approval = serializers.UUIDField(source="approval_id", allow_null=True, help_text="Which people decide it.")
    plan_before = serializers.IntegerField()
    plan_after = serializers.IntegerField(allow_null=True, help_text="The number of the plan that it made.")
    difference = PlanDifferenceSerializer(many=True)
    preview_digest = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class LapsingSerializer(serializers.Serializer[Any]):
    """An open approval that nobody need answer any more, or that is asked again."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    purpose = serializers.CharField()


class EffectSerializer(serializers.Serializer[Any]):
    """Work that was done and is not undone."""

    step = serializers.CharField()
    agent = serializers.CharField()
    attempts = serializers.IntegerField(help_text="How many were completed, items of lists counted each.")


class SpentSerializer(serializers.Serializer[Any]):
    """What all attempts of the steps have used so far."""

    attempts = serializers.IntegerField()
    tokens_in = serializers.IntegerField()
    tokens_out = serializers.IntegerField()
    cost = serializers.FloatField()


class PreviewSerializer(serializers.Serializer[Any]):
    """What a control would do. Confirm it with its digest."""

    project = serializers.UUIDField()
    control = serializers.CharField(help_text="The change, or `cancel`.")
    step = serializers.CharField()
    plan_before = serializers.IntegerField()
    plan_after = serializers.IntegerField(allow_null=True, help_text="The next plan; null where the plan stays.")
    difference = PlanDifferenceSerializer(many=True)
    voided = serializers.ListField(
        child=serializers.CharField(), help_text="Steps that will not be done, or whose outcome is taken back."
    )
    added = serializers.ListField(child=serializers.CharField())
    changed = serializers.ListField(child=serializers.CharField())
    revived = serializers.ListField(child=serializers.CharField(), help_text="Steps that are pending again.")
    running = serializers.ListField(child=serializers.CharField(), help_text="Steps that are at work now.")
    lapsing = LapsingSerializer(many=True)
    effects = EffectSerializer(many=True)
    spent = SpentSerializer()
    revives_project = serializers.BooleanField(help_text="Whether the failed project runs again.")
    still_failed = serializers.ListField(
        child=serializers.CharField(), help_text="Steps to be mended too before the project runs again."
    )
    warnings = serializers.ListField(child=serializers.CharField())
    asks = serializers.CharField(help_text="The question that people have to answer first; empty where none.")
    digest = serializers.CharField(help_text="Over all this, and over how the project stands.")
