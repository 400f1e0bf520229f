"""The canonical bytes of an event's data: one form for one value, whoever wrote the JSON and however. Pure.

RFC 8785 with three additions, since ``jsonb`` holds what RFC 8785 has no form for:

- a number that a double does not hold exactly (by its shortest decimal form: beyond 2^53, or with more than
  17 digits) is written as the text ``#num:`` and its digits, so that no digit can change unseen;
- a text that begins with ``#`` gets another ``#`` in front, so that no text looks like such a number;
- data nested deeper than 100 levels are digested as the text that ``jsonb`` gives, behind ``#text:``.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal, InvalidOperation
from typing import Any

import rfc8785

DEEPEST = 100
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
_BRACKETS = re.compile(r"[\[\]{}]")
_SURELY_EXACT = 15  # digits: every integer of so many is a double


class NotCanonicalError(ValueError):
    """The text is no JSON that an event can hold."""


def canonical_data(text: str) -> bytes:
    """The canonical bytes of JSON text. Raises ``NotCanonicalError``: no JSON, a key twice, half a letter."""
    return deep_data(text) if depth(text) > DEEPEST else canonical(parse(text))


def deep_data(text: str) -> bytes:
    """The bytes that stand for data too deep to be read by recursion."""
    return b"#text:" + text.encode(errors="surrogatepass")


def parse(text: str) -> Any:
    """The value of JSON text, its numbers exact. Raises ``NotCanonicalError``."""
    try:
        return json.loads(
            text,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except (ValueError, InvalidOperation, RecursionError) as error:
        raise NotCanonicalError(str(error)) from None


def canonical(value: Any) -> bytes:
    """The canonical bytes of a value that ``parse`` has read. Raises ``NotCanonicalError``."""
    try:
        return rfc8785.dumps(_escaped(value))
    except (rfc8785.CanonicalizationError, ValueError, RecursionError) as error:
        raise NotCanonicalError(str(error)) from None


def depth(text: str) -> int:
    """How deep arrays and objects are nested in JSON text; at most their count, where that is small."""
    count = text.count("[") + text.count("{")
    if count <= DEEPEST:
        return count
    deepest = now = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub("", text)):
        now += 1 if bracket in "[{" else -1
        deepest = max(deepest, now)
    return deepest


class _Exact(str):
    """A number in the form ``#num:…``, not to be escaped as a text would be."""

    __slots__ = ()


def _integer(digits: str) -> int | float | _Exact:
    return int(digits) if len(digits) <= _SURELY_EXACT else _number(digits)


def _number(digits: str) -> float | _Exact:
    """The double of this very value, or the value as text. Infinite doubles are none."""
    value = Decimal(digits)
    near = float(value)
    if math.isfinite(near) and Decimal(repr(near)) == value:
        return near
    return _exact(value)


def _exact(value: Decimal) -> _Exact:
    """Sign, digits without closing zeros, exponent: one form for one number, of any length."""
    sign, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits))
    kept = text.rstrip("0")
    power = int(exponent) + len(text) - len(kept)
    return _Exact(f"#num:{'-' if sign else ''}{kept}E{power}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotCanonicalError("an object has a key twice")
    return found


def _refuse_constant(word: str) -> Any:
    raise NotCanonicalError(f"{word} is no JSON")


def _escaped(value: Any) -> Any:
    if type(value) is str:
        return f"#{value}" if value.startswith("#") else value
    if isinstance(value, dict):
        return {_escaped(name): _escaped(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_escaped(inner) for inner in value]
    return value
