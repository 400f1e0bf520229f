"""The properties of a JSON Schema that a form is made of, and when two values of JSON are the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Property:
    """One property of the schema: its name, its part of the schema, and whether it must be there."""

    name: str
    schema: Schema
    required: bool

    @property
    def types(self) -> frozenset[str]:
        """The types that the schema allows; empty where it names none."""
        given = self.schema.get("type", ())
        return frozenset([given] if isinstance(given, str) else given)

    @property
    def type(self) -> str:
        """The one type beside null; "any" where there is none or more than one."""
        types = self.types - {"null"}
        return next(iter(types)) if len(types) == 1 else "any"

    @property
    def is_choice(self) -> bool:
        """Whether it is one of a list of values."""
        return "enum" in self.schema

    @property
    def nullable(self) -> bool:
        """Whether null may stand for no value."""
        return "null" in self.types


def properties(schema: Schema | None) -> tuple[Property, ...]:
    """The properties of an object's schema, in its order."""
    if not schema:
        return ()
    required = frozenset(schema.get("required", ()))
    return tuple(
        Property(name, each if isinstance(each, Mapping) else {}, name in required)
        for name, each in schema.get("properties", {}).items()
    )


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same in JSON: 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return one == other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)
