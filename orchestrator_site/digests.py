"""Digests of JSON values, independent of the order in which keys were written."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest_of(value: Any) -> str:
    """SHA-256, in hexadecimal, over the value with sorted keys and without white space; other types count as text."""
    return hashlib.sha256(canonical_text(value).encode()).hexdigest()


def digest_of_any(value: Any) -> str:
    """The same also of what holds half of a surrogate pair, as a large result may, for which ``digest_of`` raises."""
    return hashlib.sha256(canonical_text(value).encode("utf-8", "surrogatepass")).hexdigest()


def canonical_text(value: Any) -> str:
    """The text that ``digest_of`` is over: JSON with sorted keys and without white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
