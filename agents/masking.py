"""Settings of transports as they may be seen: where a secret is named or held, it is not told.

A setting is secret by the words of its name, and headers are, whatever they are called; numbers never are, so that
``max_tokens`` stays. In other texts, passwords in addresses and the like are hidden. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orchestrator_site.observability.secrets import HIDDEN, clean_text

__all__ = ["HIDDEN", "mask_in", "masked"]

_SECRET = re.compile(
    r"(?:^|[_\-.])(?:secrets?|tokens?|passwords?|passwd|pwd|passphrases?|keys?|apikeys?|credentials?|auth|authorization|"
    r"cookies?|headers|dsn)(?=$|[_\-.])",
    re.IGNORECASE,
)

_PLAIN = frozenset({"output_schema", "parameters"})
"""Schemas: a property that is called ``key`` in one is no key."""


def masked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, with ``***`` for what is secret in them."""
    return {name: value if name in _PLAIN else _named(name, value) for name, value in settings.items()}


def mask_in(settings: Any) -> bool:
    """Whether a mask stands where a value should: somebody writes back what they have read.

    It cannot be put back silently: whoever changes the address and keeps the mask would have the secret sent there.
    """
    match settings:
        case str():
            return HIDDEN in settings
        case Mapping():
            return any(map(mask_in, settings.values()))
        case list() | tuple():
            return any(map(mask_in, settings))
        case _:
            return False


def _named(name: str, value: Any) -> Any:
    return _hidden(value) if _SECRET.search(name) else _shown(value)


def _hidden(value: Any) -> Any:
    match value:
        case str():
            return HIDDEN if value else value
        case Mapping():
            return {name: _hidden(each) for name, each in value.items()}
        case list() | tuple():
            return [_hidden(each) for each in value]
        case _:
            return value


def _shown(value: Any) -> Any:
    match value:
        case str():
            return clean_text(value)
        case Mapping():
            return masked(value)
        case list() | tuple():
            return [_shown(each) for each in value]
        case _:
            return value
