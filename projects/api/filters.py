"""What lists may be asked for, and the queries that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from orchestrator_site.api.fields import NamedChoiceField, StateField, StrictSerializer, WordsField
from orchestrator_site.api.pagination import Order
from projects.api.serializers.projects import BLUEPRINT_NAME, PRIORITIES
from projects.models import Project
from projects.models.project import Priority
from projects.states import ApprovalState, ProjectState, StepState

PROJECT_ORDERS: Mapping[str, Order] = {
    name: Order(name, columns)
    for name, columns in {
        "-created_at": ("-id",),  # ids grow with time (UUIDv7)
        "created_at": ("id",),
        "priority": ("priority", "-id"),
        "-priority": ("-priority", "-id"),
        "title": ("title", "-id"),
        "-title": ("-title", "-id"),
        "state": ("state", "-id"),
        "-state": ("-state", "-id"),
    }.items()
}
STANDINGS = {
    "waiting": "Open ones.",
    "mine": "Open ones that you may decide and have not decided.",
    "overdue": "Open ones whose deadline is over.",
    "decided": "Those that are not open any more.",
}

SIGNAL_STANDINGS = {"waiting": "Those that no step has taken.", "taken": "Those that one has."}

HISTORY_ORDERS = {
    "id": "The oldest first.",
    "-id": "The latest first.",
    "seq": "As in the hash chain, sealed ones only: nothing comes into sight later between two of them.",
}


class FieldsQuery(StrictSerializer):
    """Which fields are wanted."""

    fields = WordsField(  # type: ignore[assignment] # DRF's metaclass takes it away from the class
        child=serializers.CharField(max_length=60), required=False, help_text="Only these fields, by comma."
    )


class ProjectQuery(FieldsQuery):
    """Which projects, and in which order."""

    state = WordsField(child=StateField(ProjectState), required=False, help_text="In one of these states.")
    blueprint = serializers.RegexField(
        BLUEPRINT_NAME, required=False, max_length=120, help_text="Of this blueprint; `name@2` for a version."
    )
    owner = serializers.CharField(required=False, max_length=150, help_text="Started by this user.")
    priority = WordsField(
        child=NamedChoiceField("Priority", PRIORITIES), required=False, help_text="Of these priorities."
    )
    created_after = serializers.DateTimeField(required=False, help_text="Made at this moment or later (ISO 8601).")
    created_before = serializers.DateTimeField(required=False, help_text="Made before this moment (ISO 8601).")
    search = serializers.CharField(required=False, max_length=200, help_text="With this in the title.")
    parent = serializers.UUIDField(  # type: ignore[assignment] # DRF's metaclass takes it away from the class
        required=False, help_text="Started by a step of this project."
    )
    ordering = NamedChoiceField("ProjectOrdering", tuple(PROJECT_ORDERS), default="-created_at")


class StepQuery(StrictSerializer):
    """Which steps."""

    phase = serializers.CharField(required=False, max_length=64, help_text="Of this phase, by its key.")
    state = WordsField(child=StateField(StepState), required=False, help_text="In one of these states.")
    round = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=32_767,
        help_text="Of this round; without it, the present one of each phase.",
    )


class RoundQuery(StrictSerializer):
    """Which round of a step."""

    round = serializers.IntegerField(
        required=False, min_value=1, max_value=32_767, help_text="This round; without it, the latest."
    )


class HistoryQuery(StrictSerializer):
    """Which events."""

    kind = WordsField(
        child=serializers.CharField(max_length=80),
        required=False,
        help_text="Of these kinds; `step.*` for all of a family.",
    )
    subject = serializers.CharField(required=False, max_length=200, help_text="About this step, phase or approval.")
    since = serializers.DateTimeField(required=False, help_text="At this moment or later (ISO 8601).")
    ordering = NamedChoiceField("HistoryOrdering", HISTORY_ORDERS, default="id")


class ApprovalQuery(StrictSerializer):
    """Which approvals."""

    standing = NamedChoiceField("ApprovalStanding", STANDINGS, required=False)
    state = WordsField(child=StateField(ApprovalState), required=False, help_text="In one of these states.")
    project = serializers.UUIDField(required=False, help_text="Of this project.")


class SignalQuery(StrictSerializer):
    """Which signals."""

    name = serializers.CharField(required=False, max_length=100, help_text="Of this name.")
    standing = NamedChoiceField("SignalStanding", SIGNAL_STANDINGS, required=False)


class StuckQuery(StrictSerializer):
    """Since when."""

    quiet = serializers.IntegerField(
        default=60, min_value=0, max_value=10_000_000, help_text="Without any event for this many seconds."
    )
    limit = serializers.IntegerField(default=20, min_value=1, max_value=50, help_text="How many at most.")


class DaysQuery(StrictSerializer):
    """Which days."""

    since = serializers.DateField(required=False, help_text="The first day; without it, 29 days before the last.")
    until = serializers.DateField(required=False, help_text="The last day; without it, today (UTC).")


class ReportQuery(StrictSerializer):
    """As what."""

    format = NamedChoiceField("ReportFormat", ("text", "json", "markdown", "html"), default="json")


class KnowledgeQuery(StrictSerializer):
    """As what."""

    format = NamedChoiceField("KnowledgeFormat", ("json", "graphml", "json-ld", "cypher"), default="json")


class RoundsQuery(StrictSerializer):
    """Which two rounds are laid side by side."""

    compare = serializers.RegexField(
        r"^[0-9]{1,5},[0-9]{1,5}$", required=False, help_text="Two rounds to compare, `1,2`."
    )


class SnapshotQuery(StrictSerializer):
    """With what."""

    documents = serializers.BooleanField(default=False, help_text="With the content of documents, in base64.")


def filter_projects(projects: QuerySet[Project], query: Mapping[str, Any]) -> QuerySet[Project]:
    """The projects that a ``ProjectQuery`` asks for."""
    name, _, version = query.get("blueprint", "").partition("@")
    wanted: dict[str, Any] = {
        "state__in": query.get("state"),
        "blueprint__name": name or None,
        "blueprint__version": int(version) if version else None,
        "owner__username": query.get("owner"),
        "priority__in": [Priority[word.upper()] for word in query["priority"]] if query.get("priority") else None,
        "created_at__gte": query.get("created_after"),
        "created_at__lt": query.get("created_before"),
        "title__icontains": query.get("search"),
        "parent_step__project": query.get("parent"),
    }
    return projects.filter(**{lookup: value for lookup, value in wanted.items() if value is not None})
