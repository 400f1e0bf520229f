"""Blueprints: what is registered, and what is given to be registered."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from orchestrator_site.api.fields import AnyField, ObjectField, StrictSerializer


class BlueprintGivenSerializer(StrictSerializer):
    """A blueprint's YAML, where it is sent as JSON."""

    source = serializers.CharField(trim_whitespace=False, max_length=1_000_000, help_text="The YAML text.")  # type: ignore[assignment]


class BlueprintSerializer(serializers.Serializer[Any]):
    """A blueprint's latest version."""

    name = serializers.CharField()
    version = serializers.IntegerField()
    title = serializers.CharField()
    description = serializers.CharField()
    digest = serializers.CharField(help_text="SHA-256 of the definition.")
    shipped = serializers.BooleanField(help_text="Whether it comes with the product.")


class BlueprintDetailSerializer(BlueprintSerializer):
    """A version of a blueprint, whole."""

    versions = serializers.ListField(child=serializers.IntegerField(), help_text="Registered ones, the latest first.")
    inputs = ObjectField(help_text="JSON Schema 2020-12 of the inputs.")
    definition = AnyField(help_text="The definition as it is understood, with defaults.")
    source = serializers.CharField(help_text="The YAML as it was given.")  # type: ignore[assignment]


class BlueprintListSerializer(serializers.Serializer[Any]):
    """All blueprints, by name."""

    results = BlueprintSerializer(many=True)
