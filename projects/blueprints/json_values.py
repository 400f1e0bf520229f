"""JSON Schema 2020-12: checking schemas, checking values against them, filling defaults. No pattern can run away.

``pattern`` and ``patternProperties`` are matched by the expression library's engine, whose time is linear in the
text; Python's own can be made to take for ever by whoever gives the text.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import cel
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend
from referencing.exceptions import Unresolvable

from projects.blueprints.cel_values import kind_of
from projects.blueprints.paths import Place

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# Formats that the standard library decides; others are notes for the reader, as the specification allows.
_FORMATS = FormatChecker(formats=("date", "email", "ipv4", "ipv6", "uuid"))
_MATCHES = cel.compile("text.matches(pattern)")
_SCHEMAS_BELOW = ("properties", "$defs", "patternProperties", "dependentSchemas")
_SCHEMA_BELOW = ("additionalProperties", "items", "contains", "not", "if", "then", "else", "propertyNames")
_UNSUPPORTED = {
    **dict.fromkeys(("$dynamicRef", "$dynamicAnchor", "$id", "$anchor", "$recursiveRef"), "use $ref with #/$defs/NAME"),
    **dict.fromkeys(("unevaluatedItems", "unevaluatedProperties"), "use additionalProperties"),
}
_SCHEMA_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")


def schema_mistakes(schema: Any) -> Iterator[tuple[Place, str]]:
    """Where a schema is none, and why: the meta-schema, patterns, references, and defaults that break it."""
    found = list(_by_meta_schema(schema))
    yield from found
    if found:
        return
    for place, part in _schemas(schema, ()):
        yield from _patterns(part, place)
        yield from _references(part, place, schema)
    for place, part in _schemas(schema, ()):
        if "default" in part and not found:
            for _, message in value_mistakes(part, part["default"], root=schema):
                yield (*place, "default"), f"the default breaks its own schema: {message}"
                break


def value_mistakes(schema: Mapping[str, Any], value: Any, root: Any = None) -> Iterator[tuple[Place, str]]:
    """Where a value breaks a schema, and how; ``root`` is where its references begin, if not at the schema itself."""
    whole: Any = dict(schema)
    if root is not None and "$defs" in root and "$defs" not in whole:
        whole["$defs"] = root["$defs"]
    try:
        for error in _VALIDATOR(whole, format_checker=_FORMATS).iter_errors(value):
            worst = best_match([error]) or error
            yield tuple(worst.absolute_path), _in_words(worst)
    except RecursionError:
        yield (), "the schema refers to itself without end"
    except Unresolvable as error:
        yield (), f"the schema refers to {error.ref!r}, which is not in it"


def with_defaults(schema: Mapping[str, Any], value: Any) -> Any:
    """A copy of the value in which properties that are missing have the defaults of the schema, all the way down."""
    if not isinstance(value, Mapping):
        return copy.deepcopy(value)
    filled = {key: copy.deepcopy(each) for key, each in value.items()}
    properties = schema.get("properties")
    for name, below in (properties if isinstance(properties, Mapping) else {}).items():
        if not isinstance(below, Mapping):
            continue
        if name not in filled and "default" in below:
            filled[name] = copy.deepcopy(below["default"])
        if isinstance(filled.get(name), Mapping):
            filled[name] = with_defaults(below, filled[name])
    return filled


def _by_meta_schema(schema: Any) -> Iterator[tuple[Place, str]]:
    for error in Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema):
        worst = best_match([error]) or error
        yield tuple(worst.absolute_path), _in_words(worst)
    if isinstance(schema, Mapping) and schema.get("$schema", DIALECT).rstrip("#") != DIALECT:
        yield ("$schema",), f"schemas are written in JSON Schema 2020-12, {DIALECT}"


def _schemas(schema: Any, place: Place) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """The schema and all schemas in it."""
    if not isinstance(schema, Mapping):
        return
    yield place, schema
    for name in _SCHEMAS_BELOW:
        for key, below in (schema.get(name) or {}).items():
            yield from _schemas(below, (*place, name, key))
    for name in _SCHEMA_BELOW:
        yield from _schemas(schema.get(name), (*place, name))
    for name in _SCHEMA_LISTS:
        for index, below in enumerate(schema.get(name) or ()):
            yield from _schemas(below, (*place, name, index))


def _patterns(schema: Mapping[str, Any], place: Place) -> Iterator[tuple[Place, str]]:
    given = [((*place, "pattern"), schema["pattern"])] if "pattern" in schema else []
    given += [((*place, "patternProperties", key), key) for key in schema.get("patternProperties", {})]
    for where, pattern in given:
        try:
            _matches(pattern, "")
        except ValueError as error:
            yield where, str(error)


def _references(schema: Mapping[str, Any], place: Place, root: Any) -> Iterator[tuple[Place, str]]:
    for name, instead in _UNSUPPORTED.items():
        if name in schema:
            yield (*place, name), f"{name} is not supported; {instead}"
    reference = schema.get("$ref")
    if reference is None:
        return
    found: Any = root
    parts = str(reference).split("/")
    known = parts[:2] == ["#", "$defs"] and len(parts) > 2
    for part in parts[1:] if known else ():
        found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    if not known or not isinstance(found, Mapping | bool):
        yield (*place, "$ref"), f"{reference!r} is not in this schema: references are written #/$defs/NAME"


def _matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found in the text. Raises ``ValueError`` for what is no pattern."""
    try:
        return bool(_MATCHES.execute({"text": text, "pattern": pattern}))
    except RuntimeError as error:
        said = " ".join(str(error).split())
        reason = said.rpartition("error: ")[2].removesuffix(" Check function arguments and their types.").rstrip(".")
        raise ValueError(f"{pattern!r} is no pattern that can be used here ({reason})") from None


def _pattern(validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not _matches(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    for pattern, below in patterns.items():
        for key, value in instance.items():
            if _matches(pattern, key):
                yield from validator.descend(value, below, path=key, schema_path=pattern)


def _additional(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """``additionalProperties`` beside ``patternProperties``, with the same engine."""
    if not validator.is_type(instance, "object"):
        return
    for key, value in instance.items():
        known = key in schema.get("properties", {})
        if known or any(_matches(pattern, key) for pattern in schema.get("patternProperties", {})):
            continue
        if validator.is_type(allowed, "object"):
            yield from validator.descend(value, allowed, path=key)
        elif not allowed:
            yield ValidationError(f"{key!r} is not known", path=[key], validator="additionalProperties")


_VALIDATOR: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {"pattern": _pattern, "patternProperties": _pattern_properties, "additionalProperties": _additional},
)


def _in_words(error: ValidationError) -> str:
    """The most frequent mistakes in plain words; the library's sentence for the others."""
    wanted: Any = error.validator_value
    given = error.instance
    match error.validator:
        case "required":
            missing = [name for name in wanted if isinstance(given, Mapping) and name not in given]
            return f"{', '.join(map(repr, missing))} {'is' if len(missing) == 1 else 'are'} missing"
        case "type":
            kinds = wanted if isinstance(wanted, str) else " or ".join(map(str, wanted))
            return f"must be of type {kinds}, and is {kind_of(given)}: {_short(given)}"
        case "enum":
            return f"must be one of {', '.join(map(str, wanted))}, and is {_short(given)}"
    return error.message if len(error.message) <= 300 else f"{error.message[:297]}…"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
