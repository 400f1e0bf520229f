"""Many projects at once: those that do not move, and the counts of days."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from orchestrator_site.api.fields import NamedChoiceField
from projects.planning.cause_codes import CODES


class StuckSerializer(serializers.Serializer[Any]):
    """A live project of which nothing runs."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    state = serializers.CharField()
    directive = serializers.CharField()
    owner = serializers.CharField(allow_null=True)
    cause = NamedChoiceField("StuckCause", dict(CODES))
    next_action = serializers.CharField(help_text="What it waits for, since when, and who can move it on.")
    since = serializers.DateTimeField(allow_null=True, help_text="Since when it waits for that, where it is known.")
    who = serializers.CharField(allow_blank=True, help_text="Who can move it on; empty where nobody has to.")
    quiet_since = serializers.DateTimeField(help_text="When something last moved it on.")


class StuckListSerializer(serializers.Serializer[Any]):
    """Those that have been quiet the longest first."""

    results = StuckSerializer(many=True)


class DaySerializer(serializers.Serializer[Any]):
    """One day, by UTC."""

    day = serializers.DateField()
    started = serializers.IntegerField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    mean_seconds = serializers.FloatField(
        allow_null=True,
        help_text="Mean duration of those completed that day, from start to end; null without any.",
    )


class DaysSerializer(serializers.Serializer[Any]):
    """Days in order."""

    results = DaySerializer(many=True)
