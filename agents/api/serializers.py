"""Agents as they are told, and the bodies that register, change and keep them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents import terms
from agents.discovery import Reach
from agents.masking import mask_in, masked
from agents.models import Agent
from agents.services.checking import MOST_OFFERED
from agents.services.ownership import owner_of
from agents.services.registration import Outcome
from agents.states import AgentState
from agents.values import Location, TransportName
from orchestrator_site.api.fields import NamedChoiceField, ObjectField, StateField, StrictSerializer, WordsField

TRANSPORTS = {
    TransportName.HTTP.value: "A service that is called by POST.",
    TransportName.LLM.value: "A language model behind an OpenAI-compatible address.",
    TransportName.PYTHON.value: "A function in the workers; registered by them and by nobody else.",
}
REGISTRABLE = {name: meaning for name, meaning in TRANSPORTS.items() if name != TransportName.PYTHON}
REACHES = {
    Reach.ZONE.value: "In the same zone.",
    Reach.REGION.value: "In the same region.",
    Reach.ANYWHERE.value: "Wherever.",
}
OUTCOMES = {
    Outcome.CREATED.value: "It is new.",
    Outcome.CHANGED.value: "It was known by the name, and describes itself otherwise now.",
    Outcome.RETURNED.value: "It was gone, and is back.",
    Outcome.UNCHANGED.value: "It was registered so already.",
}
_NAME, _WORD, _VERSION = 100, 100, 50


class LocationSerializer(StrictSerializer):
    """Where an agent runs."""

    region = serializers.CharField(max_length=_WORD, default="", allow_blank=True)
    zone = serializers.CharField(max_length=_WORD, default="", allow_blank=True, help_text="Of the region.")
    latitude = serializers.FloatField(
        default=None, allow_null=True, min_value=-90, max_value=90, help_text="Degrees, north positive."
    )
    longitude = serializers.FloatField(
        default=None, allow_null=True, min_value=-180, max_value=180, help_text="Degrees, east positive."
    )

    def validate(self, attrs: dict[str, Any]) -> Location:
        """As services take it."""
        if (attrs["latitude"] is None) != (attrs["longitude"] is None):
            raise serializers.ValidationError("Give latitude and longitude, or neither.")
        return Location(**attrs)


@extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
class CapabilitiesField(serializers.Field[dict[str, str], Any, dict[str, str], Any]):
    """What an agent can do: names with versions; given as such an object, or as a list of ``name:version``."""

    def to_internal_value(self, data: Any) -> dict[str, str]:
        """From name to version."""
        if isinstance(data, Mapping):
            pairs = [(str(name), version) for name, version in data.items()]
        elif isinstance(data, list) and all(isinstance(each, str) for each in data):
            pairs = [capability_of(each) for each in data]
        else:
            raise serializers.ValidationError("Give an object of names with versions.")
        if not all(isinstance(version, str) for _, version in pairs):
            raise serializers.ValidationError('A version is a text: {"pricing.quote": "1.2.0"}.')
        if any(len(name) > _NAME or len(version) > _VERSION for name, version in pairs):
            raise serializers.ValidationError(f"A name has {_NAME} characters at most, a version {_VERSION}.")
        return dict(pairs)

    def to_representation(self, value: dict[str, str]) -> dict[str, str]:
        """The same."""
        return value


def capability_of(text: str) -> tuple[str, str]:
    """``pricing.quote:1.2.0`` as name and version; 1.0.0 where none is named."""
    name, colon, version = text.rpartition(":")
    return (name, version) if colon else (version, "1.0.0")


class AgentSerializer(serializers.Serializer[Any]):
    """A registered agent."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    version = serializers.CharField()
    description = serializers.CharField()
    service_type = serializers.CharField(help_text="What sort of service it is.")
    state = StateField(AgentState)
    state_at = serializers.DateTimeField(help_text="Since when it is in this state.")
    health = serializers.FloatField(help_text="From 0.0 to 1.0.")
    load = serializers.FloatField(help_text="From 0.0, idle, to 1.0, full; as its last heartbeat said.")
    capabilities = serializers.SerializerMethodField(help_text="What it can do, with the version of each.")
    tags = serializers.ListField(child=serializers.CharField())
    location = serializers.SerializerMethodField()
    transport = NamedChoiceField("Transport", TRANSPORTS)
    settings = serializers.SerializerMethodField(help_text="Of its transport; secrets are shown as `***`.")
    weight = serializers.FloatField(help_text="More is preferred, where routing is weighted.")
    priority = serializers.IntegerField(help_text="More is preferred, where routing is by priority.")
    max_concurrency = serializers.IntegerField(allow_null=True, help_text="Steps at once; null: the default.")
    cost_per_call = serializers.FloatField()
    metadata = ObjectField()
    owner = serializers.SerializerMethodField(help_text="Who registered it; null where a command or a worker did.")
    registered_at = serializers.DateTimeField()
    heard_at = serializers.DateTimeField(help_text="Its last heartbeat that was written down.")

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
    def get_capabilities(self, agent: Agent) -> dict[str, str]:
        """Read from the terms of discovery: a page of agents needs no second table."""
        return terms.capabilities_in(agent.features)

    @extend_schema_field(LocationSerializer)
    def get_location(self, agent: Agent) -> dict[str, Any]:
        """Where it runs."""
        return {name: getattr(agent, name) for name in ("region", "zone", "latitude", "longitude")}

    @extend_schema_field({"type": "object", "additionalProperties": {}})
    def get_settings(self, agent: Agent) -> dict[str, Any]:
        """Without what is secret."""
        return masked(agent.settings)

    @extend_schema_field({"type": ["string", "null"]})
    def get_owner(self, agent: Agent) -> str | None:
        """A user's name."""
        return owner_of(agent)


class _SaidOfAny(StrictSerializer):
    """What may be said of an agent, when it registers and later."""

    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    tags = serializers.ListField(child=serializers.CharField(max_length=_WORD), required=False, max_length=MOST_OFFERED)
    weight = serializers.FloatField(required=False, min_value=0, help_text="Defaults to 1.")
    priority = serializers.IntegerField(
        required=False, min_value=-(2**31), max_value=2**31 - 1, help_text="Defaults to 0."
    )
    max_concurrency = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**31 - 1, help_text="Null, or left out: the default."
    )
    cost_per_call = serializers.FloatField(
        required=False, min_value=0, max_value=99_999_999, help_text="Defaults to 0."
    )
    metadata = ObjectField(required=False, help_text="Anything; nothing reads it but people.")


class AgentGivenSerializer(_SaidOfAny):
    """An agent that registers."""

    name = serializers.CharField(max_length=_NAME, help_text="Unique; steps may name it.")
    version = serializers.CharField(required=False, max_length=_VERSION, help_text="PEP 440; defaults to 1.0.0.")
    service_type = serializers.CharField(required=False, allow_blank=True, max_length=_NAME)
    transport = NamedChoiceField("RegistrableTransport", REGISTRABLE)
    settings = ObjectField(required=False, help_text="Of the transport, such as `url`.")
    capabilities = CapabilitiesField(required=False, help_text="What it can do, with the version of each.")
    location = LocationSerializer(required=False)

    def validate_settings(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Refuse masks that were read here."""
        if mask_in(settings):
            raise serializers.ValidationError("`***` stands for what is not shown: give the value, or its reference.")
        return settings


class AgentChangeSerializer(_SaidOfAny):
    """What is to be changed of an agent; address and capabilities change by registering again."""


class AgentReasonSerializer(StrictSerializer):
    """Why."""

    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000, help_text="For its history.")


class RegisteredSerializer(AgentSerializer):
    """A registered agent, and what registering it did."""

    outcome = NamedChoiceField("Registering", OUTCOMES)


class AgentQuerySerializer(StrictSerializer):
    """Which agents, and the nearest to where."""

    capability = serializers.CharField(required=False, max_length=_NAME, help_text="That can do this.")
    version = serializers.CharField(
        required=False, max_length=200, help_text="A range of the capability's versions: `>=1.2,<2`."
    )
    service_type = serializers.CharField(required=False, max_length=_NAME)
    transport = NamedChoiceField("Transport", TRANSPORTS, required=False)
    tag = WordsField(child=serializers.CharField(max_length=_WORD), required=False, help_text="With all of these tags.")
    any_tag = WordsField(
        child=serializers.CharField(max_length=_WORD), required=False, help_text="With one of these tags."
    )
    health = serializers.FloatField(required=False, min_value=0, max_value=1, help_text="At least this health.")
    near = serializers.RegexField(
        r"^-?[0-9]{1,2}(\.[0-9]{1,9})?,-?[0-9]{1,3}(\.[0-9]{1,9})?$",
        required=False,
        help_text="Latitude and longitude, `52.5,13.4`: the nearest first.",
    )
    region = serializers.CharField(required=False, max_length=_WORD, help_text="Those of this region first.")
    zone = serializers.CharField(required=False, max_length=_WORD, help_text="Those of this zone of it first.")
    reach = NamedChoiceField("Reach", REACHES, required=False, help_text="No farther than this.")
    state = WordsField(
        child=StateField(AgentState), required=False, help_text="In one of these states; else those that take steps."
    )
