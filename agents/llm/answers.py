"""What a model said, read strictly: a completion of the chat protocol, and an answer that has to fit a schema. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

import cel

from agents.usage import MOST_TOKENS

if TYPE_CHECKING:
    from cel import Program
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

MOST_ERRORS = 10


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model wants called; ``arguments`` as it wrote them."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Said:
    """One completion. Tokens are None where the server does not count."""

    content: str
    finish: str
    refusal: str
    tool_calls: tuple[ToolCall, ...]
    tokens_in: int | None
    tokens_out: int | None


@dataclass(frozen=True, slots=True)
class Fits:
    """The answer, in its form."""

    value: Any


@dataclass(frozen=True, slots=True)
class Misses:
    """The answer is not in its form; why, in sentences that the model can act on."""

    errors: tuple[str, ...]


def said(document: Any) -> Said:
    """A completion as the chat protocol writes it. Raises ``ValueError`` where it is none."""
    try:
        choice = document["choices"][0]
        message = choice["message"]
        calls = message.get("tool_calls") or ()
        usage = document.get("usage") or {}
        return Said(
            content=_text(message.get("content")),
            finish=_text(choice.get("finish_reason")),
            refusal=_text(message.get("refusal")),
            tool_calls=tuple(_tool_call(call) for call in calls),
            tokens_in=_count(usage.get("prompt_tokens")),
            tokens_out=_count(usage.get("completion_tokens")),
        )
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"it is no completion of the chat protocol ({type(error).__name__})") from error


def _tool_call(call: Any) -> ToolCall:
    function = call["function"]
    return ToolCall(_text(call.get("id")), _text(function.get("name")), _text(function.get("arguments")))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError("a text was expected")
    return value


def _count(value: Any) -> int | None:
    """A count of tokens that can be one; None for anything else, so that it is estimated instead."""
    counts = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS
    return value if counts else None


def fit(answer: Said, schema: Mapping[str, Any] | None) -> Fits | Misses:
    """The answer in its form: any text where there is no schema."""
    if answer.finish == "length":
        return Misses(("It was cut off, since it was too long: answer in fewer words.",))
    if schema is None:
        return Fits(answer.content)
    return checked(answer.content, schema)


def checked(text: str, schema: Mapping[str, Any]) -> Fits | Misses:
    """A text read as strict JSON and checked against a schema."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        return Misses((f"It is no JSON: {error}.",))
    errors = sorted(_validator(json.dumps(schema, sort_keys=True)).iter_errors(value), key=lambda each: list(each.path))
    if not errors:
        return Fits(value)
    return Misses(tuple(f"{each.json_path}: {each.message[:200]}" for each in errors[:MOST_ERRORS]))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def check_schema(schema: Mapping[str, Any]) -> None:
    """Refuse what is no JSON Schema 2020-12, or refers to another document. Raises ``ValueError``."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"it is no JSON Schema: {error.json_path}: {error.message[:200]}") from error
    for pattern in _named("pattern", schema):
        _check_pattern(pattern)
    if any(True for _ in _named("patternProperties", schema)):
        raise ValueError("patternProperties is not matched here: name the properties, or use propertyNames")
    for reference in (*_named("$ref", schema), *_named("$dynamicRef", schema)):
        if not _resolves(reference, schema):
            raise ValueError(f"it refers to {reference[:100]!r}, which is not in it: a schema must stand by itself")


def _resolves(reference: str, schema: Any) -> bool:
    """Whether a reference is a path inside the schema, such as ``#/$defs/item``."""
    if reference != "#" and not reference.startswith("#/"):
        return False
    part = schema
    for step in reference[2:].split("/") if reference != "#" else ():
        key = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(part, Mapping) or key not in part:
            return False
        part = part[key]
    return True


def _named(keyword: str, part: Any) -> Iterator[Any]:
    """What a keyword says, wherever it stands in a schema."""
    if isinstance(part, Mapping):
        if isinstance(part.get(keyword), dict if keyword == "patternProperties" else str):
            yield part[keyword]
        for name, each in part.items():
            if name not in ("const", "enum", "default", "examples"):
                yield from _named(keyword, each)
    if isinstance(part, list):
        for each in part:
            yield from _named(keyword, each)


def _check_pattern(pattern: str) -> None:
    try:
        _matches().execute({"text": "", "pattern": pattern})
    except RuntimeError as error:
        raise ValueError(f"{pattern[:100]!r} is no pattern that can be used here") from error


@lru_cache(maxsize=256)
def _validator(schema: str) -> Validator:
    """A validator that fetches nothing, and whose patterns are matched in time linear in the text."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend
    from referencing import Registry

    kind: type[Validator] = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]
    return kind(json.loads(schema), registry=Registry())


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    """Python's own matching can be made to take for ever by whoever gives the text."""
    from jsonschema.exceptions import ValidationError

    if isinstance(instance, str) and not _matches().execute({"text": instance, "pattern": pattern}):
        yield ValidationError(f"it does not match {pattern!r}")


@cache
def _matches() -> Program:
    return cel.compile("text.matches(pattern)")
