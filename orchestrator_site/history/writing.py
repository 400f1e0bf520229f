"""What an event may hold, checked before it is written, so that a mistake is named where it is made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from orchestrator_site.history.errors import EventNotStorable


def as_text(value: str, name: str) -> str:
    """``value`` as it may stand in a column. Raises ``EventNotStorable``."""
    if "\x00" in value:
        raise EventNotStorable(f"The {name} of an event holds a zero byte, which PostgreSQL cannot keep.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise EventNotStorable(f"The {name} of an event holds half a character (a lone surrogate).") from None
    if not value and name != "subject":
        raise EventNotStorable(f"The {name} of an event is empty.")
    return value


def as_jsonb(data: Mapping[str, Any] | None) -> str:
    """``data`` as JSON that ``jsonb`` takes. Raises ``EventNotStorable``: NaN, zero bytes, unknown types."""
    if not data:
        return "{}"
    try:
        text = json.dumps(data, cls=DjangoJSONEncoder, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise EventNotStorable(f"The data of an event cannot be JSON: {error}.") from None
    if "\\u0000" in text.replace("\\\\", ""):
        raise EventNotStorable("The data of an event holds a zero byte, which PostgreSQL cannot keep.")
    return as_text(text, "data")
