"""Steering many projects at once."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from orchestrator_site.api.fields import StateField, StrictSerializer
from projects.api.serializers.interventions import SpentSerializer
from projects.api.serializers.projects import BLUEPRINT_NAME, CancelSerializer, ReasonSerializer
from projects.services.many import MOST
from projects.states import Directive, ProjectState


class ManySerializer(StrictSerializer):
    """Which projects: by their blueprint, by their owner, or by both; every one where neither is named."""

    blueprint = serializers.RegexField(
        BLUEPRINT_NAME, required=False, max_length=120, help_text="Of this blueprint; `name@2` for a version."
    )
    owner = serializers.CharField(required=False, max_length=150, help_text="Started by this user.")


class StartManySerializer(StrictSerializer):
    """Which projects: `ids`, or a `filter`."""

    ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, min_length=1, max_length=MOST, help_text="These projects."
    )
    filter = ManySerializer(required=False, help_text="All of which it can be asked.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One of the two: that nothing is named must not mean everything."""
        if ("ids" in attrs) == ("filter" in attrs):
            raise serializers.ValidationError("Give `ids`, or a `filter` ({} is every project).")
        return attrs


class SteerManySerializer(StartManySerializer, ReasonSerializer):
    """Which projects, and why: `ids`, or a `filter`."""


class CancelManySerializer(SteerManySerializer, CancelSerializer):
    """Which projects, and how to cancel them."""


class ListedSerializer(serializers.Serializer[Any]):
    """A project that would be cancelled."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    blueprint = serializers.CharField(help_text="Name and version: `tool-launch v1`.")
    state = serializers.CharField(help_text="In words: `running`, `paused`, …")


class CancelManyPreviewSerializer(serializers.Serializer[Any]):
    """What a cancel of many would do. Confirm it with its digest."""

    control = serializers.CharField(help_text="`cancel`.")
    projects = ListedSerializer(many=True)
    undone = serializers.IntegerField(help_text="Steps that would not be done any more; a list counts as one.")
    running = serializers.IntegerField(help_text="Steps that are at work now.")
    lapsing = serializers.IntegerField(help_text="Open approvals that nobody would have to decide any more.")
    spent = SpentSerializer()
    digest = serializers.CharField(help_text="Over which projects they are, and over how each stands.")
    left = serializers.IntegerField(help_text="How many more fitted, which a confirmation leaves as they are.")


class OutcomeSerializer(serializers.Serializer[Any]):
    """What became of one project."""

    id = serializers.UUIDField()
    done = serializers.BooleanField()
    state = StateField(ProjectState, allow_null=True)
    directive = StateField(Directive, allow_null=True)
    code = serializers.CharField(allow_null=True, help_text="Of the refusal.")
    message = serializers.CharField(allow_null=True, help_text="The refusal in a sentence.")


class BatchSerializer(serializers.Serializer[Any]):
    """What became of each."""

    results = OutcomeSerializer(many=True)
    left = serializers.IntegerField(help_text="How many more fitted the filter: ask again for those.")
