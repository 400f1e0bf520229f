"""Fields that know more than DRF's: states with their meanings, JSON objects, strict bodies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from orchestrator_site.api.errors import FieldsInvalid
from orchestrator_site.api.parsing import FORM_EXTRAS, loads
from orchestrator_site.errors import PhasegateError
from orchestrator_site.problems import flat
from orchestrator_site.statemachine import State

# DRF gives the errors of items by their numbers: documents.0.name is documents[0].name to people.
_INDEX = re.compile(r"\.(\d+)(?=\.|$)")
_NAMED = 20


class NamedChoiceField(serializers.ChoiceField):
    """A word out of a set that has a name in the OpenAPI document."""

    def __init__(self, component: str, words: Iterable[str] | Mapping[str, str], **options: Any) -> None:
        self.component = component
        self.meanings = dict(words) if isinstance(words, Mapping) else dict.fromkeys(words, "")
        super().__init__(choices=list(self.meanings), **options)


class StateField(NamedChoiceField):
    """A state of one of the state machines."""

    def __init__(self, states: type[State], **options: Any) -> None:
        super().__init__(states.__name__, {member.value: member.meaning for member in states}, **options)


@extend_schema_field(OpenApiTypes.OBJECT)
class ObjectField(serializers.DictField):
    """A JSON object; in a form, its text."""

    def get_value(self, dictionary: Mapping[Any, Any]) -> Any:
        """What is given; an empty field of a form is none."""
        given = dictionary.get(self.field_name, empty)
        return empty if given == "" else given

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The object."""
        if isinstance(data, str):
            try:
                data = loads(data)
            except PhasegateError as error:
                raise serializers.ValidationError(f"This is no JSON: {error}") from None
        if not isinstance(data, dict):
            raise serializers.ValidationError("Give a JSON object.")
        return data


@extend_schema_field({})
class AnyField(serializers.JSONField):
    """Any JSON value, as it is."""

    def to_representation(self, value: Any) -> Any:
        """The value."""
        return value


class WordsField(serializers.ListField):
    """Several words in a query: repeated, or with commas between."""

    def to_internal_value(self, data: Any) -> list[Any]:
        """The words."""
        parts = [part.strip() for text in (data if isinstance(data, list) else [data]) for part in str(text).split(",")]
        return super().to_internal_value([part for part in parts if part])


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not have, naming them: a misspelt option must not be ignored."""

    def get_initial(self) -> dict[str, Any]:
        """What a text to be filled in begins with: the fields that are needed."""
        return {name: field.get_initial() for name, field in self.fields.items() if field.required}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The values, if every name is known."""
        if isinstance(data, Mapping):
            unknown = sorted(set(data) - set(self.fields) - FORM_EXTRAS)[:_NAMED]
            if unknown:
                hint = f"There is no such field. There are: {', '.join(self.fields)}."
                raise serializers.ValidationError({name[:100]: [hint] for name in unknown})
        values: dict[str, Any] = super().to_internal_value(data)
        return values


def checked(
    shape: type[serializers.Serializer[Any]], data: Any, *, refusal: type[PhasegateError] = FieldsInvalid
) -> dict[str, Any]:
    """The validated values of a body or a query. Raises ``refusal``, whose ``errors`` name every mistake."""
    if not isinstance(data, Mapping):
        message = "Give a JSON object."
        raise FieldsInvalid(f"The body is no object. {message}", errors=[{"field": "", "message": message}])
    serializer = shape(data=data)
    if serializer.is_valid():
        values: dict[str, Any] = serializer.validated_data
        return values
    errors = [each | {"field": _INDEX.sub(r"[\1]", each["field"])[:200]} for each in flat(serializer.errors)]
    summary = "; ".join(
        f"{error['field']}: {error['message']}" if error["field"] else error["message"] for error in errors[:5]
    )
    raise refusal(summary, errors=errors)
