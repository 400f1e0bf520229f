"""Going back and running again: checkpoints, previews, comparisons, imported snapshots."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from orchestrator_site.api.fields import AnyField, NamedChoiceField, ObjectField, StateField, StrictSerializer
from projects.api.serializers.interventions import SpentSerializer
from projects.api.serializers.projects import BlueprintRefSerializer, ProjectDetailSerializer
from projects.models.checkpoint import Occasion
from projects.states import ApprovalState, ProjectState, StepState

_MOST_EVENTS = 2**63 - 1


class CheckpointSerializer(serializers.Serializer[Any]):
    """A checkpoint of a project."""

    number = serializers.IntegerField(help_text="1, 2, 3 … in each project.")
    occasion = NamedChoiceField("CheckpointOccasion", dict(Occasion.choices))
    label = serializers.CharField()  # type: ignore[assignment] # DRF's metaclass takes it away from the class
    author = serializers.CharField()
    event = serializers.IntegerField(help_text="The last event of the history that it holds.")
    plan_version = serializers.IntegerField()
    sha256 = serializers.CharField(help_text="Of what it holds; checked whenever that is read.")
    size = serializers.IntegerField(help_text="Bytes of what it holds, before compression.")
    taken_at = serializers.DateTimeField()


class CheckpointDetailSerializer(CheckpointSerializer):
    """A checkpoint with what it holds."""

    holds = ObjectField(help_text="How the project stood: its phases with the steps of their present rounds.")


class CheckpointGivenSerializer(StrictSerializer):
    """A checkpoint to be taken."""

    label = serializers.CharField(  # type: ignore[assignment]
        required=False, allow_blank=True, max_length=200, help_text="What it is to be known by."
    )


class StepLineSerializer(serializers.Serializer[Any]):
    """A step as a preview names it."""

    phase = serializers.CharField()
    key = serializers.CharField()
    round = serializers.IntegerField()
    state = StateField(StepState)
    items = serializers.IntegerField(help_text="Of a list, how many of its items.")


class ApprovalLineSerializer(serializers.Serializer[Any]):
    """An approval that would be void."""

    id = serializers.UUIDField()
    phase = serializers.CharField()
    title = serializers.CharField()
    state = StateField(ApprovalState)


class EffectLineSerializer(serializers.Serializer[Any]):
    """A completed step whose effects outside, if it has any, nothing undoes."""

    key = serializers.CharField()
    round = serializers.IntegerField()
    agent = serializers.CharField()
    attempts = serializers.IntegerField()
    tokens_in = serializers.IntegerField()
    tokens_out = serializers.IntegerField()
    cost = serializers.FloatField()


class RestoreSpentSerializer(serializers.Serializer[Any]):
    """What the steps that would be void have used. It stays spent."""

    tokens_in = serializers.IntegerField()
    tokens_out = serializers.IntegerField()
    cost = serializers.FloatField()


class RestorePreviewSerializer(serializers.Serializer[Any]):
    """What going back would do, made by the code that does it."""

    project = serializers.UUIDField()
    checkpoint = serializers.IntegerField(help_text="The checkpoint that it starts from.")
    event = serializers.IntegerField(help_text="The event after which the project would stand.")
    plan_version = serializers.IntegerField(help_text="The plan of then.")
    steps_voided = StepLineSerializer(many=True)
    steps_kept = StepLineSerializer(many=True)
    approvals_lapsing = ApprovalLineSerializer(many=True)
    effects_not_undone = EffectLineSerializer(many=True)
    spent = RestoreSpentSerializer()
    obstacle = serializers.CharField(help_text="Why it cannot be done now; empty where it can.")
    digest = serializers.CharField(help_text="Over all of this: send it with what confirms it.")


class RestoreQuery(StrictSerializer):
    """Where to go back to."""

    event = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=_MOST_EVENTS,
        help_text="To after this event of the history, which came later than the checkpoint.",
    )


class RestoreGivenSerializer(RestoreQuery):
    """Going back, confirmed."""

    digest = serializers.RegexField(
        r"^[0-9a-f]{64}$", required=False, help_text="Of the preview that was seen: a conflict where it is another now."
    )
    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000, help_text="Why, for the history.")


class RestoredSerializer(serializers.Serializer[Any]):
    """What going back did."""

    project = ProjectDetailSerializer()
    preview = RestorePreviewSerializer()
    before = CheckpointSerializer(help_text="How the project stood before.")


class RerunQuery(StrictSerializer):
    """From which step on."""

    from_step = serializers.CharField(
        required=False, max_length=120, help_text="The key of a step: what does not come after it is kept."
    )


class RerunPreviewSerializer(serializers.Serializer[Any]):
    """What running a project again would do. Confirm it with its digest."""

    project = serializers.UUIDField()
    from_step = serializers.CharField(allow_null=True)
    plan_version = serializers.IntegerField(help_text="The plan that it goes by.")
    kept = serializers.ListField(child=serializers.CharField(), help_text="Steps whose results are carried.")
    again = serializers.ListField(child=serializers.CharField(), help_text="Steps that are done again.")
    approvals_kept = serializers.ListField(child=serializers.CharField(), help_text="What people approved, and stays.")
    cost = SpentSerializer(help_text="What the steps that are done again have used in this project.")
    digest = serializers.CharField(help_text="Over all this, and over how the project stands.")


class RerunGivenSerializer(StrictSerializer):
    """Running a project again."""

    preview_digest = serializers.RegexField(
        r"^[0-9a-f]{64}$",
        required=False,
        help_text="The `digest` of `rerun/preview` that is confirmed: 409 if it would differ now.",
    )

    from_step = serializers.CharField(
        required=False,
        allow_null=True,
        max_length=120,
        help_text="The key of a step: what does not come after it is kept. Without it nothing is.",
    )
    auto_approve = serializers.BooleanField(
        required=False,
        help_text="Approve whatever is asked at once, in your name. It needs the right `project.auto_approve`.",
    )
    start = serializers.BooleanField(required=False, help_text="Begin at once, which is the default.")


class UnlikeSerializer(serializers.Serializer[Any]):
    """Something that is not the same in both; null where it is not there."""

    name = serializers.CharField()
    a = AnyField()
    b = AnyField()


class SideSerializer(serializers.Serializer[Any]):
    """How a step went in one project."""

    state = StateField(StepState)
    round = serializers.IntegerField()
    carried = serializers.BooleanField(help_text="Whether the result is that of an earlier round or run.")
    result_sha256 = serializers.CharField(allow_null=True, help_text="Of the result with sorted keys.")
    seconds = serializers.FloatField(allow_null=True)
    attempts = serializers.IntegerField()
    tokens_in = serializers.IntegerField()
    tokens_out = serializers.IntegerField()
    cost = serializers.FloatField()


class StepPairSerializer(serializers.Serializer[Any]):
    """A step in both projects; null in one that does not have it."""

    key = serializers.CharField()
    a = SideSerializer(allow_null=True)
    b = SideSerializer(allow_null=True)
    differs = serializers.ListField(child=serializers.CharField(), help_text="What is not alike; times do not count.")


class ComparedProjectSerializer(serializers.Serializer[Any]):
    """One of two projects that are compared."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    blueprint = BlueprintRefSerializer()
    state = StateField(ProjectState)
    plan_version = serializers.IntegerField()
    rerun_of = serializers.UUIDField(allow_null=True)
    seconds = serializers.FloatField(allow_null=True, help_text="From begin to end; null where it is not over.")


class ComparisonSerializer(serializers.Serializer[Any]):
    """Two projects side by side."""

    a = ComparedProjectSerializer()
    b = ComparedProjectSerializer()
    inputs = UnlikeSerializer(many=True)
    documents = UnlikeSerializer(many=True, help_text="By name, with their digests.")
    plan = UnlikeSerializer(many=True, help_text="Steps and their settings that are not planned alike.")
    steps = StepPairSerializer(many=True)
    findings = AnyField(help_text="What became of one's findings in the other, where both report on such; else null.")


class ImportedSnapshotSerializer(serializers.Serializer[Any]):
    """A snapshot of a project of another installation."""

    id = serializers.UUIDField()
    project = serializers.UUIDField(source="project_id", help_text="The project's id where it ran.")
    title = serializers.CharField()
    sha256 = serializers.CharField()
    taken_at = serializers.DateTimeField()
    imported_by = serializers.CharField()
    imported_at = serializers.DateTimeField()


class SnapshotImportedSerializer(ImportedSnapshotSerializer):
    """A snapshot that was imported, or had been."""

    existing = serializers.BooleanField(help_text="Whether the same one had been imported before.")
    sealed_events = serializers.IntegerField(
        allow_null=True, help_text="Events of its history whose hash chain is intact; null: it came without its chain."
    )


class ImportedSnapshotDetailSerializer(ImportedSnapshotSerializer):
    """An imported snapshot, whole."""

    document = ObjectField(help_text="The document as it came.")
