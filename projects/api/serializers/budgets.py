"""Budgets: how they stand, and the body that changes one."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from orchestrator_site.api.fields import NamedChoiceField, StrictSerializer
from projects.models.budget import Measure, Scope

MOST = 1e12


class BudgetSerializer(serializers.Serializer[Any]):
    """A budget as it stands."""

    id = serializers.IntegerField()
    scope = NamedChoiceField("BudgetScope", dict.fromkeys(Scope.values, ""))
    name = serializers.CharField(help_text="Key of the phase, or name of the agent; empty for the project.")
    measure = NamedChoiceField("BudgetMeasure", {measure.value: str(measure.label) for measure in Measure})
    spent = serializers.FloatField()
    reserved = serializers.FloatField(help_text="By attempts that run now.")
    soft = serializers.FloatField(allow_null=True, help_text="Above it people are asked.")
    hard = serializers.FloatField(allow_null=True, help_text="Above it steps fail.")
    raise_by = serializers.FloatField(allow_null=True, help_text="What an approval adds, unless it says otherwise.")


class BudgetListSerializer(serializers.Serializer[Any]):
    """Every budget of a project."""

    results = BudgetSerializer(many=True)


class BudgetChangeSerializer(StrictSerializer):
    """New limits of a budget; null takes one away."""

    soft = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=MOST)
    hard = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=MOST)
    raise_by = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=MOST)
    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=2000, default="", help_text="Why, for the history."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One limit at least."""
        if not set(attrs) & {"soft", "hard", "raise_by"}:
            raise serializers.ValidationError("Give `soft`, `hard` or `raise_by`.")
        return attrs
