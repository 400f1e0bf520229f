"""How agents are: heartbeats, health and circuits, as they are said and told."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from agents.api.serializers import AgentReasonSerializer
from agents.resilience.states import CircuitState
from agents.services.heartbeats import MOST_TOGETHER
from agents.states import AgentState
from orchestrator_site.api.fields import NamedChoiceField, ObjectField, StateField, StrictSerializer

REFUSALS = {
    "agent_gone": "It is not registered any more: register it again.",
    "agent_not_yours": "It is not among those that you registered.",
}
FORCES = {
    "open": "No call goes through, until somebody says otherwise.",
    "closed": "Every call goes through, and failures are not counted.",
    "auto": "It is left to itself again.",
}


class HeartbeatGivenSerializer(StrictSerializer):
    """That an agent lives, and how it is."""

    load = serializers.FloatField(
        required=False, min_value=0, max_value=1000, help_text="From 0.0, idle, to 1.0, full; more is too much."
    )
    details = ObjectField(required=False, help_text="What else it says of itself, 4096 bytes of JSON at most.")


class HeardSerializer(serializers.Serializer[Any]):
    """That a heartbeat was heard."""

    id = serializers.UUIDField()
    state = StateField(AgentState, help_text="As it was last written down; one that drains is to finish and leave.")
    interval = serializers.FloatField(help_text="Seconds until the next heartbeat is due.")
    silence = serializers.FloatField(help_text="Seconds of silence after which the agent is gone.")


class HeartbeatOfSerializer(HeartbeatGivenSerializer):
    """One of several."""

    agent = serializers.UUIDField(help_text="The id of the agent.")


class HeartbeatsGivenSerializer(StrictSerializer):
    """What a gateway has heard."""

    heartbeats = serializers.ListField(child=HeartbeatOfSerializer(), min_length=1, max_length=MOST_TOGETHER)


class HeartbeatRefusedSerializer(serializers.Serializer[Any]):
    """A heartbeat that does not count."""

    agent = serializers.UUIDField()
    code = NamedChoiceField("HeartbeatRefusal", REFUSALS)


class HeartbeatsHeardSerializer(serializers.Serializer[Any]):
    """What became of several heartbeats."""

    kept = serializers.IntegerField(help_text="How many count.")
    refused = HeartbeatRefusedSerializer(many=True)
    interval = serializers.FloatField(help_text="Seconds until the next ones are due.")


class StatisticsSerializer(serializers.Serializer[Any]):
    """How calls of an agent went lately."""

    successes = serializers.FloatField(help_text="Recent calls that succeeded; one counts half after a minute.")
    failures = serializers.FloatField(help_text="Recent calls that failed, counted alike.")
    latency = serializers.FloatField(help_text="Seconds of the last few calls.")
    baseline = serializers.FloatField(help_text="Seconds of the last hundred or so.")
    calls = serializers.IntegerField(help_text="How many succeeded in all.")


class AgentHealthSerializer(serializers.Serializer[Any]):
    """How one agent does."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    state = StateField(AgentState)
    health = serializers.FloatField()
    load = serializers.FloatField()
    heard_at = serializers.DateTimeField()
    statistics = StatisticsSerializer()


class HealthReportSerializer(serializers.Serializer[Any]):
    """How all agents do."""

    states = serializers.DictField(child=serializers.IntegerField(), help_text="How many agents are in each state.")
    health = serializers.FloatField(allow_null=True, help_text="The mean of those that are not gone.")
    worst = AgentHealthSerializer(many=True, help_text="Those with the least health first.")
    waiting = serializers.IntegerField(
        allow_null=True, help_text="Heartbeats that are not written down yet; null where Redis does not answer."
    )
    listening_since = serializers.DateTimeField(
        allow_null=True, help_text="Since when no heartbeat can have been missed."
    )


class RateSerializer(serializers.Serializer[Any]):
    """How fast an agent is asked."""

    limit = serializers.FloatField(allow_null=True, help_text="Calls a second at most; null: any number.")
    latency = serializers.FloatField(help_text="Seconds that it takes now.")
    usual_latency = serializers.FloatField(help_text="Seconds that it takes as a rule.")


class CircuitSerializer(serializers.Serializer[Any]):
    """Whether calls go through to an agent, and what else holds it back."""

    id = serializers.UUIDField(help_text="Of the agent.")
    state = StateField(CircuitState)
    since = serializers.DateTimeField(allow_null=True)
    why = serializers.CharField()
    closed_for = serializers.FloatField(help_text="Seconds until an open circuit lets a probe through.")
    openings_in_a_row = serializers.IntegerField()
    failures = serializers.ListField(child=serializers.DateTimeField(), help_text="The last that count.")
    paused_for = serializers.FloatField(help_text="Seconds that the agent asks to be left alone.")
    rate = RateSerializer()
    running = serializers.IntegerField(help_text="Calls on their way.")
    shared = serializers.BooleanField(help_text="False while Redis is away: each process decides alone.")


class CircuitForceSerializer(AgentReasonSerializer):
    """What the circuit is to be."""

    state = NamedChoiceField("CircuitForce", FORCES)
