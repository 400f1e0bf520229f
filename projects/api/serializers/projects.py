"""Projects: the body that makes one, and how one is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from orchestrator_site.api.fields import (
    AnyField,
    NamedChoiceField,
    ObjectField,
    StateField,
    StrictSerializer,
)
from projects.models import Project
from projects.models.project import Priority
from projects.states import Directive, PhaseState, ProjectState

PRIORITIES: Mapping[str, str] = {priority.label: "" for priority in Priority}
BLUEPRINT_NAME = r"^[a-z0-9][a-z0-9_-]*(@[0-9]{1,9})?$"


class DocumentGivenSerializer(StrictSerializer):
    """A document of a new project: its name and content, or its path on the server."""

    name = serializers.CharField(
        required=False,
        max_length=255,
        help_text="The file name, without folders. With a path it is taken from there.",
    )
    content_base64 = serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="The content in base64 (RFC 4648, section 4).",
    )
    path = serializers.CharField(
        required=False,
        max_length=1000,
        help_text="A file in the folder that the setting PHASEGATE_DOCUMENT_DIR names, relative to it.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One of the two ways, and a name where the content is given."""
        if ("path" in attrs) == ("content_base64" in attrs):
            raise serializers.ValidationError("Give either `name` and `content_base64`, or `path`.")
        if "content_base64" in attrs and "name" not in attrs:
            raise serializers.ValidationError({"name": ["Say how the document is called."]})
        if "path" in attrs and "name" in attrs:
            raise serializers.ValidationError({"name": ["A document by path has the name of its file."]})
        return attrs


class ProjectGivenSerializer(StrictSerializer):
    """A new project."""

    blueprint = serializers.RegexField(
        BLUEPRINT_NAME,
        max_length=120,
        help_text="A registered blueprint; `name@2` for a version, else the latest.",
    )
    inputs = ObjectField(required=False, help_text="As the blueprint's `inputs` ask.")
    intent = serializers.CharField(
        required=False, allow_blank=True, max_length=20_000, help_text="What is wanted, in words."
    )
    title = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text="Defaults to the blueprint's."
    )
    priority = NamedChoiceField("Priority", PRIORITIES, required=False, help_text="Defaults to normal.")
    key = serializers.CharField(
        required=False,
        allow_null=True,
        max_length=200,
        help_text="A name of your own: there is one project a key, and the same key finds it again.",
    )
    after = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=50,
        help_text="Begin once these are completed.",
    )
    auto_approve = serializers.BooleanField(
        required=False,
        help_text="Approve whatever is asked at once, in your name. It needs the right `project.auto_approve`.",
    )
    budgets = ObjectField(
        required=False,
        help_text='Limits that go over the blueprint\'s, by measure: `{"cost": {"soft": 5, "hard": 10}}`. More than '
        "the blueprint gives needs the right `project.control`.",
    )
    deadline = serializers.CharField(
        required=False,
        max_length=40,
        help_text="Within how long from now it is to be over: `2h`, or seconds. Over the blueprint's own deadline.",
    )
    rerun = serializers.BooleanField(required=False, help_text="Do the job anew where the same has been done already.")
    start = serializers.BooleanField(required=False, help_text="Begin at once, which is the default.")
    documents = DocumentGivenSerializer(many=True, required=False, help_text="In the order in which they are read.")


class ProjectFormSerializer(StrictSerializer):
    """A new project as a form in the browser asks for it."""

    blueprint = serializers.CharField(help_text="A registered blueprint.")
    intent = serializers.CharField(required=False, style={"base_template": "textarea.html", "rows": 3})
    inputs = serializers.CharField(
        required=False, help_text="A JSON object.", style={"base_template": "textarea.html", "rows": 3}
    )
    title = serializers.CharField(required=False)
    priority = serializers.ChoiceField(list(PRIORITIES), required=False, initial="normal")
    key = serializers.CharField(required=False)
    document = serializers.FileField(required=False)
    start = serializers.ChoiceField([("true", "Begin at once"), ("false", "Only make it")], required=False)


class BlueprintRefSerializer(serializers.Serializer[Any]):
    """The version of a blueprint that a project runs."""

    name = serializers.CharField()
    version = serializers.IntegerField()


class ProjectSerializer(serializers.ModelSerializer[Project]):
    """A project as lists show it."""

    blueprint = BlueprintRefSerializer()
    state = StateField(ProjectState)
    directive = StateField(Directive)
    priority = NamedChoiceField("Priority", PRIORITIES, source="priority_name")
    owner = serializers.CharField(
        source="owner.username", default=None, allow_null=True, help_text="The user who started it."
    )
    rerun_of = serializers.UUIDField(source="rerun_of_id", allow_null=True)

    class Meta:
        model = Project
        fields: tuple[str, ...] = (
            "id",
            "title",
            "blueprint",
            "state",
            "directive",
            "priority",
            "owner",
            "key",
            "intent",
            "auto_approve",
            "rerun_of",
            "failure_code",
            "failure",
            "created_at",
            "started_at",
            "finished_at",
        )
        read_only_fields: tuple[str, ...] = fields


class PhaseSerializer(serializers.Serializer[Any]):
    """A phase of a project."""

    key = serializers.CharField()
    title = serializers.CharField()
    state = StateField(PhaseState)
    round = serializers.IntegerField(help_text="Counts up when the phase is sent back.")
    quality = AnyField(help_text="What each quality condition said in this round.")
    comments = serializers.ListField(child=serializers.CharField(), help_text="Why it was sent back.")
    failure = serializers.CharField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class ParentSerializer(serializers.Serializer[Any]):
    """The step that started a project, and its project."""

    project = serializers.UUIDField(source="project_id")
    step = serializers.CharField(source="key")


class ProjectDetailSerializer(ProjectSerializer):
    """A project, whole."""

    inputs = ObjectField()
    held_by_parent = serializers.BooleanField(help_text="Whether it is paused because the project above it is.")
    drained_at = serializers.DateTimeField(allow_null=True, help_text="Of a paused project: when nothing ran any more.")
    deadline = serializers.DateTimeField(allow_null=True, help_text="When it is to be over; a pause moves it.")
    parent = ParentSerializer(source="parent_step", allow_null=True, help_text="The step that started it.")
    after = serializers.SerializerMethodField(help_text="The projects that it runs after.")
    phases = PhaseSerializer(many=True)
    open_approval = serializers.SerializerMethodField(help_text="The approval that it waits for.")

    class Meta(ProjectSerializer.Meta):
        fields: tuple[str, ...] = (
            *ProjectSerializer.Meta.fields,
            "inputs",
            "after",
            "plan_version",
            "directive_since",
            "held_by_parent",
            "drained_at",
            "deadline",
            "parent",
            "phases",
            "open_approval",
        )
        read_only_fields: tuple[str, ...] = fields

    def get_after(self, project: Project) -> list[str]:
        """Their ids."""
        return [str(pk) for pk in project.after.order_by("id").values_list("pk", flat=True)]

    def get_open_approval(self, project: Project) -> str | None:
        """Its id."""
        pk = project.approvals.filter(state="open").values_list("pk", flat=True).first()
        return None if pk is None else str(pk)


class ProjectCreatedSerializer(ProjectDetailSerializer):
    """A project that was made, or found."""

    existing = serializers.BooleanField(default=False, help_text="Whether it was there already, and was not made anew.")

    class Meta(ProjectDetailSerializer.Meta):
        fields: tuple[str, ...] = (*ProjectDetailSerializer.Meta.fields, "existing")
        read_only_fields: tuple[str, ...] = fields


class ReasonSerializer(StrictSerializer):
    """Why, for the history."""

    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000, help_text="Why, for the history.")


class CancelSerializer(ReasonSerializer):
    """How to cancel."""

    force = serializers.BooleanField(
        required=False, help_text="Do not wait for what runs: its results will be refused."
    )
    cleanup = serializers.BooleanField(
        required=False,
        help_text="Also remove what was built beside the history, such as the knowledge graph.",
    )
    preview_digest = serializers.RegexField(
        "^[0-9a-f]{64}$",
        required=False,
        help_text="The `digest` of `cancel/preview` that is confirmed: 409 if it would differ now.",
    )
