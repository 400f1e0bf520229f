"""Text that PostgreSQL can keep. NUL and half a surrogate pair stand in Python's texts, and in no column of ours.

What is only said (an error, progress) is kept with another character in their place: who fails must be able to say so.
What counts (a result, a decision) is refused. A blob keeps anything, and expressions read blobs and make texts of their
own: whatever of that goes into a column is asked here first, so that it fails where it belongs and not when it is
written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from orchestrator_site.errors import InvalidInput

_UNKEPT = re.compile("[\x00\ud800-\udfff]")
_REPLACED_BY = "\ufffd"
# JSON as ``json.dumps`` writes it, escape by escape, without giving back: as long as a text is, so long it takes.
_JSON = re.compile(
    r"(?:[^\\]++|\\[^u]|\\u(?!0000|[dD][89a-fA-F])[0-9a-fA-F]{4}|\\u[dD][89abAB]..\\u[dD][c-fC-F]..)*+", re.DOTALL
)


def storable(value: Any) -> Any:
    """A value for JSON, or a text, as it can be kept."""
    match value:
        case str():
            return _UNKEPT.sub(_REPLACED_BY, value)
        case Mapping():
            return {storable(name): storable(part) for name, part in value.items()}
        case list() | tuple():
            return [storable(part) for part in value]
        case _:
            return value


def is_storable(value: Any) -> bool:
    """Whether a value for JSON, or a text, can be kept as it is."""
    match value:
        case str():
            return _UNKEPT.search(value) is None
        case Mapping():
            return all(is_storable(name) and is_storable(part) for name, part in value.items())
        case list() | tuple():
            return all(map(is_storable, value))
        case _:
            return True


def is_storable_json(text: str) -> bool:
    """Whether ``jsonb`` holds the texts of a JSON text, as ``json.dumps`` writes it: ASCII, all else escaped."""
    return "\\u" not in text or _JSON.fullmatch(text) is not None


def why_not(value: Any) -> str:
    """Why a text, or a value for JSON, cannot be kept; empty where it can."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return f"it is no JSON ({error})"
    return "" if is_storable(value) else "it holds NUL (U+0000) or half of a surrogate pair"


def refuse_unstorable(**given: Any) -> None:
    """Raise ``InvalidInput``, naming the first of the values that cannot be kept as it is."""
    for name, value in given.items():
        if not is_storable(value):
            raise InvalidInput(f"{name}: text with NUL or half a surrogate pair cannot be kept; leave it out.")


def said_by(error: BaseException) -> str:
    """What an error says, as it can be kept; its type where it says nothing, or fails to."""
    try:
        said = str(error)
    except Exception:
        said = ""
    return str(storable(said or type(error).__name__))
