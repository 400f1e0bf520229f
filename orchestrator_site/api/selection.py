"""Which fields of an answer are wanted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from rest_framework import serializers

from orchestrator_site.api.errors import ParametersInvalid


def check_fields(shape: type[serializers.Serializer[Any]], wanted: Collection[str] | None) -> None:
    """Raise ``ParametersInvalid`` where a field is wanted that the shape has not."""
    known = shape().fields
    unknown = sorted(set(wanted or ()) - set(known))
    if unknown:
        message = f"There is no field {', '.join(unknown)}. There are: {', '.join(known)}."
        raise ParametersInvalid(f"fields: {message}", errors=[{"field": "fields", "message": message}])


def only(data: Mapping[str, Any], wanted: Collection[str] | None) -> dict[str, Any]:
    """The fields that are wanted, all where none is named."""
    return {name: value for name, value in data.items() if not wanted or name in wanted}
