"""What agents that answer later say, and what they are told."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from agents.usage import CallUsage, usage_in
from orchestrator_site.api.fields import AnyField, ObjectField, StrictSerializer

LONGEST_SILENCE = 24 * 3600.0
LONGEST_REASON = 10_000


class LeaseHeartbeatSerializer(StrictSerializer):
    """That the agent is at it."""

    details = ObjectField(required=False, help_text="How far it is: shown to people as it is.")
    within = serializers.FloatField(
        required=False,
        min_value=0.1,
        max_value=LONGEST_SILENCE,
        help_text="Seconds within which it is heard of again; PHASEGATE_CALLBACK_SECONDS where it does not say.",
    )


class LeaseHeardSerializer(serializers.Serializer[Any]):
    """Until when it is to be heard of again, and whether it should stop."""

    until = serializers.DateTimeField(help_text="After it the attempt is given up; never later than its timeout.")
    cancelled = serializers.BooleanField(help_text="The project is being cancelled: stop, and say `fail`.")


class LeaseResultSerializer(StrictSerializer):
    """What came of the work."""

    result = AnyField(allow_null=True, help_text="Any JSON value.")
    usage = AnyField(required=False, help_text="`tokens_in`, `tokens_out`, `cost`: counts for budgets.")

    def validate_usage(self, told: Any) -> CallUsage:
        """As services take it."""
        try:
            return usage_in(told)
        except ValueError as error:
            raise serializers.ValidationError(f"{error}.") from None


class LeaseFailureSerializer(StrictSerializer):
    """That it could not be done."""

    error = serializers.CharField(
        max_length=LONGEST_REASON, help_text="Why: shown to people. Of a long text the beginning is kept."
    )
    retryable = serializers.BooleanField(
        default=True, help_text="Whether trying again may help; false fails the step for good."
    )
