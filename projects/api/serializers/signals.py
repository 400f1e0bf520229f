"""Signals."""

from __future__ import annotations

from rest_framework import serializers

from orchestrator_site.api.fields import AnyField, StrictSerializer
from projects.models import Signal


class SignalGivenSerializer(StrictSerializer):
    """A signal to be sent."""

    name = serializers.RegexField(
        r"^[a-z][a-z0-9_.-]*$", max_length=100, help_text="The name that a step waits for or will wait for."
    )
    payload = AnyField(required=False, allow_null=True, help_text="Any JSON, of 64 KiB at most: the step's result.")
    key = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text="A signal of the same key is the same signal."
    )


class SignalSerializer(serializers.ModelSerializer[Signal]):
    """A signal that was sent."""

    payload = AnyField()
    taken_by = serializers.CharField(
        source="taken_by.key", default=None, allow_null=True, help_text="The step that has taken it."
    )

    class Meta:
        model = Signal
        fields = ("id", "name", "payload", "key", "sender", "sent_at", "taken_by")
        read_only_fields: tuple[str, ...] = fields
