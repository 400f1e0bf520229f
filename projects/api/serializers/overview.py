"""Many projects at once: those that do not move, and the counts of days."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from orchestrator_site.api.fields import NamedChoiceField

CAUSES = {
    "not_started": "Nobody has started it.",
    "predecessor": "It is to begin after others.",
    "paused": "An operator paused it.",
    "cancelling": "It waits for running steps to end.",
    "approval": "It waits for people.",
    "room": "A step waits for room in a budget, or for others of its concurrency key.",
    "signal": "A step waits for a signal.",
    "child": "A step waits for a project that it has started.",
    "timer": "A step waits for a time.",
    "retry": "A step waits to be tried again.",
    "worker": "A step is ready, and no worker takes it.",
    "unknown": "Nothing of it is in flight; recovery is to find it.",
}


class StuckSerializer(serializers.Serializer[Any]):
    """A live project of which nothing runs."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    state = serializers.CharField()
    directive = serializers.CharField()
    owner = serializers.CharField(allow_null=True)
    cause = NamedChoiceField("StuckCause", CAUSES)
    next_action = serializers.CharField(help_text="What it waits for, since when, and who can move it on.")
    quiet_since = serializers.DateTimeField(help_text="When something last happened.")


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
