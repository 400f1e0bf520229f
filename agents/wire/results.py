"""Results as JSON: what cannot be stored is no result."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from agents.errors import ResultUnusable
from agents.values import Done


def done(agent: str, value: Any) -> Done:
    """The answer, written as JSON once for whoever stores it. Raises ``ResultUnusable``."""
    try:
        return Done(value, json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ResultUnusable(
            f"Agent {agent!r} returned what JSON cannot hold: {error}. Return plain dicts, lists, texts and "
            "finite numbers."
        ) from error


def parsed(agent: str, body: bytes | str, what: str = "what is no JSON") -> Any:
    """A body read as strict JSON. Raises ``ResultUnusable``."""
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ResultUnusable(f"Agent {agent!r} answered {what}: {str(error)[:200]}.") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
