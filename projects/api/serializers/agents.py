"""Asking who would get a piece of work, and asking many at once."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from rest_framework import serializers

from agents.asking import LONGEST
from orchestrator_site.api.fields import AnyField, ObjectField, StrictSerializer
from projects.blueprints.agent_checks import route_mistakes
from projects.blueprints.paths import written
from projects.blueprints.schema import RouteSpec

_NAME, _RANGE, _KEY = 100, 200, 500


class RouteField(AnyField):
    """A route as in a blueprint: the word of a strategy, or an object."""

    def to_internal_value(self, data: Any) -> RouteSpec:  # type: ignore[override] # the stubs know only JSON
        """As the blueprint language has it."""
        if not isinstance(data, str | dict):
            raise serializers.ValidationError("Give the name of a strategy, or an object.")
        try:
            route = RouteSpec.of(data)
        except ValidationError as error:
            raise serializers.ValidationError(
                [f"{written(each['loc'])}: {each['msg']}." for each in error.errors(include_url=False)[:5]]
            ) from None
        mistakes = [f"{written(each.place)}: {each.message}. {each.hint}" for each in route_mistakes(route, ())]
        if mistakes:
            raise serializers.ValidationError([each.removeprefix(": ").strip() for each in mistakes])
        return route


class RouteAskedSerializer(StrictSerializer):
    """A piece of work that looks for an agent."""

    capability = serializers.CharField(required=False, max_length=_NAME, help_text="What an agent must be able to do.")
    version = serializers.CharField(
        required=False, max_length=_RANGE, help_text="The versions of it that will do, as PEP 440 writes ranges."
    )
    agent = serializers.CharField(required=False, max_length=_NAME, help_text="Its name, in place of a capability.")
    route = RouteField(required=False, help_text="As in a blueprint: a strategy, or an object; near and rules too.")
    params = ObjectField(required=False, help_text="What the agent would get: rules read it.")
    key = serializers.CharField(
        required=False, max_length=_KEY, help_text="What `affinity` and `consistent_hash` go by."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Somebody is looked for, in one way."""
        if ("capability" in attrs) == ("agent" in attrs):
            raise serializers.ValidationError("Name a capability, or an agent.")
        if "agent" in attrs and "version" in attrs:
            raise serializers.ValidationError({"version": "It goes with a capability."})
        return attrs


class ReasonSerializer(serializers.Serializer[Any]):
    """One thing that spoke for a choice."""

    code = serializers.CharField()
    text = serializers.CharField()
    facts = ObjectField(required=False)


class ChosenSerializer(serializers.Serializer[Any]):
    """An agent that would get it."""

    id = serializers.CharField()
    name = serializers.CharField()


class LeftOutSerializer(serializers.Serializer[Any]):
    """An agent that could not be chosen."""

    agent = serializers.CharField(help_text="Its id.")
    name = serializers.CharField()
    why = serializers.CharField()


class RoutedSerializer(serializers.Serializer[Any]):
    """Who would get it now, and why."""

    agent = serializers.CharField(allow_null=True, help_text="The name of the first choice; null: nobody can take it.")
    chosen = ChosenSerializer(many=True, help_text="In order of preference: who is asked next where one refuses.")
    strategy = serializers.CharField()
    why = serializers.CharField(help_text="The reasons in one sentence.")
    reasons = ReasonSerializer(many=True)
    left_out = LeftOutSerializer(many=True, help_text="Five at most.")
    left_out_count = serializers.IntegerField()
    considered = serializers.IntegerField(help_text="How many could do it.")
    registry_version = serializers.IntegerField()
    retry_after = serializers.FloatField(
        allow_null=True, help_text="Seconds, where nobody can take it and it is known when to ask again."
    )


class ScatterAskedSerializer(StrictSerializer):
    """What is put to many agents."""

    capability = serializers.CharField(max_length=_NAME)
    version = serializers.CharField(required=False, max_length=_RANGE, help_text="As PEP 440 writes ranges.")
    params = ObjectField(required=False)
    quorum = serializers.IntegerField(
        required=False, min_value=1, max_value=1000, help_text="Answers needed; what the aggregation needs by itself."
    )
    aggregation = serializers.CharField(
        default="all", max_length=_NAME, help_text="all, first, majority, best, weighted_average, merge, or one's own."
    )
    options = ObjectField(required=False, help_text="Of the aggregation.")
    deadline = serializers.FloatField(
        default=30.0, min_value=0.1, max_value=LONGEST, help_text="Seconds after which nobody is waited for."
    )
    partial = serializers.BooleanField(  # type: ignore[assignment] # a name that DRF keeps for itself
        default=False, help_text="At the deadline fewer than the quorum will do."
    )
    at_most = serializers.IntegerField(default=100, min_value=1, max_value=1000, help_text="How many are asked.")


class MissingSerializer(serializers.Serializer[Any]):
    """An agent that is not in the answer."""

    agent = serializers.CharField(help_text="Its id.")
    name = serializers.CharField()
    kind = serializers.CharField(help_text="failed, late, or not_needed.")
    why = serializers.CharField()


class GatheredSerializer(serializers.Serializer[Any]):
    """One answer of many."""

    value = AnyField()
    aggregation = serializers.CharField()
    quorum = serializers.IntegerField()
    complete = serializers.BooleanField(help_text="All who were asked are in it.")
    degraded = serializers.BooleanField(help_text="Somebody failed or was late.")
    answered = serializers.ListField(child=serializers.CharField(), help_text="Names, in the order asked.")
    missing = MissingSerializer(many=True)
    notes = serializers.ListField(child=serializers.CharField())
    details = ObjectField()
