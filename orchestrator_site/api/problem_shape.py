"""Problem documents (RFC 9457), as every refusal is told."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class FieldErrorSerializer(serializers.Serializer[Any]):
    """One wrong value."""

    field = serializers.CharField(help_text="Where it stands: `documents[0].name`; empty for the whole body.")
    message = serializers.CharField(help_text="What is wrong with it.")
    line = serializers.IntegerField(required=False, help_text="In the text of a blueprint, from 1.")
    column = serializers.IntegerField(required=False, help_text="In that line, from 1.")
    hint = serializers.CharField(required=False, help_text="What to do.")


class ProblemSerializer(serializers.Serializer[Any]):
    """A problem document (RFC 9457)."""

    type = serializers.CharField(help_text="A URI of the kind of problem; `about:blank` where the status says it all.")
    title = serializers.CharField(help_text="The kind of problem, in words.")
    status = serializers.IntegerField(help_text="The HTTP status.")
    detail = serializers.CharField(help_text="What was wrong, where, and what to do.")
    code = serializers.CharField(help_text="The kind of problem, for programs; it never changes.")
    instance = serializers.CharField(required=False, help_text="The path that was asked for.")
    request_id = serializers.CharField(required=False, help_text="The request, as the log calls it.")
    retryable = serializers.BooleanField(required=False, help_text="Whether the same request may succeed later.")
    errors = FieldErrorSerializer(many=True, required=False, help_text="Every wrong value, with its place.")  # type: ignore[assignment]
