"""Keeping secrets out of logs: by the name of a field, and by the look of a text."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

HIDDEN = "***"
_DEPTH = 6  # of nested values that are looked through; what is deeper is shown as text, and cleaned as text

# The last word of the name decides, so that ``tokens_in`` (a number) stays and ``refresh_token`` goes.
_SECRET_NAME = re.compile(
    r"(?:^|[_\-.])(?:password|passwd|pwd|passphrase|secret|secret[_-]?key|token|api[_-]?key|private[_-]?key|"
    r"authorization|cookie|set[_-]cookie|credentials?|dsn)$",
    re.IGNORECASE,
)
_SECRET_TEXTS = (
    # Lease tokens, also as they stand in addresses: which step and attempt may be seen, the signature not.
    (re.compile(r"\b([0-9a-f]{32}\.[1-9][0-9]{0,8}(?::|%3[Aa]))[A-Za-z0-9_-]{43}"), rf"\1{HIDDEN}"),
    # Our own API keys: the prefix may be seen, it names the key without opening anything.
    (re.compile(r"\b(pg_live_[A-Za-z0-9]{1,8}_)[A-Za-z0-9]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b((?:bearer|basic|api-key)\s+)(?!pg_live_)[A-Za-z0-9._~+/=-]{8,}"), rf"\1{HIDDEN}"),
    # The password of a URL: of the database, the broker, a webhook.
    (re.compile(r"([a-z][a-z0-9+.-]{1,20}://[^\s/:@]*:)[^\s/@]+(?=@)", re.IGNORECASE), rf"\1{HIDDEN}"),
    (
        re.compile(r"(?i)\b((?:password|passwd|secret|token|api[_-]?key)\s*[=:]\s*)(?!\*\*\*)[^\s&,;'\"]+"),
        rf"\1{HIDDEN}",
    ),
)


def hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: secrets in any field of the entry become ``***``."""
    for name in event:
        event[name] = clean(event[name], name)
    return event


def clean(value: Any, name: str = "", depth: int = 0) -> Any:
    """``value`` without secrets; ``name`` is the field that holds it."""
    if value is not None and not isinstance(value, bool) and _SECRET_NAME.search(name):
        return HIDDEN
    if isinstance(value, str):
        return clean_text(value)
    if depth >= _DEPTH:
        return clean_text(repr(value))
    if isinstance(value, Mapping):
        return {key: clean(each, str(key), depth + 1) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [clean(each, "", depth + 1) for each in value]
    return value


def clean_text(text: str) -> str:
    """``text`` with everything in it that looks like a secret replaced."""
    for pattern, replacement in _SECRET_TEXTS:
        text = pattern.sub(replacement, text)
    return text
