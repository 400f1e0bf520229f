"""Plain values into models, and what pydantic says about them into the words of the language."""

from __future__ import annotations

import copy
import re
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from projects.blueprints import durations
from projects.blueprints.cel_values import kind_of
from projects.blueprints.paths import Place
from projects.blueprints.schema import Blueprint
from projects.blueprints.suggestions import closest, did_you_mean


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake at a place of the document; ``at_key`` if the key is what is wrong, and not its value."""

    place: Place
    message: str
    hint: str = ""
    at_key: bool = False


@dataclass(frozen=True, slots=True)
class Shaped:
    """The blueprint, where the values have the shape of one, and the mistakes.

    With mistakes, the blueprint is what is left without them: good enough to look for more, elsewhere.
    """

    blueprint: Blueprint | None
    findings: tuple[Finding, ...]


def shape(values: Any) -> Shaped:
    """Read plain values as a blueprint."""
    if not isinstance(values, dict):
        message = f"a blueprint is an object, and this is {kind_of(values)}"
        return Shaped(None, (Finding((), message, "Begin with `name:`, `version:`, `title:` and `phases:`."),))
    try:
        return Shaped(Blueprint.model_validate(values), ())
    except ValidationError as error:
        findings = tuple(_findings(error, values))
    return Shaped(_without(values, findings), findings)


def model_at(place: Iterable[str | int]) -> type[BaseModel] | None:
    """The model whose keys are written at a place; None where keys are free or there are none."""
    annotation: Any = Blueprint
    for part in place:
        annotation = _bare(annotation)
        if isinstance(part, int):
            if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):  # one, or a list of them
                annotation = (get_args(annotation) or (None,))[0] if get_origin(annotation) is tuple else None
        elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
            annotation = dict(_keys_of(annotation)).get(part)
        else:
            return None
    annotation = _bare(annotation)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _bare(annotation: Any) -> Any:
    """Without ``Annotated`` and ``| None``; of several shapes the one that has keys."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, types.UnionType):
            shapes = [each for each in get_args(annotation) if each is not type(None)]
            annotation = next((each for each in shapes if isinstance(each, type)), shapes[0])
        else:
            return annotation


def _keys_of(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        yield field.alias or name, field.annotation


def _without(values: dict[str, Any], findings: Iterable[Finding]) -> Blueprint | None:
    """What is left of the blueprint when the mistakes are taken out, None where it is none any more."""
    rest = copy.deepcopy(values)
    for finding in findings:
        holder: Any = rest
        try:
            for part in finding.place[:-1]:
                holder = holder[part]
            if isinstance(holder, dict):
                del holder[finding.place[-1]]
        except (LookupError, TypeError):
            continue
    try:
        return Blueprint.model_validate(rest)
    except ValidationError:
        return None


def _findings(error: ValidationError, values: dict[str, Any]) -> Iterator[Finding]:
    for detail in error.errors(include_url=False):
        told, kind, given, limits = detail["loc"], detail["type"], detail["input"], detail.get("ctx", {})
        place = _without_branches(told, values)
        if place is None:
            continue
        if place[-1:] == ("[key]",) and kind != "extra_forbidden":
            place = place[:-1]  # of a key that is wrong itself, as those of `evidence` can be
        if kind == "too_short" and given:
            continue  # said of a list whose items are wrong, each of which is a mistake of its own
        if kind == "missing":
            yield Finding(place[:-1], f"the key {place[-1]!r} is missing", _example(place))
        elif kind == "extra_forbidden":
            yield _unknown_key(place)
        else:
            yield Finding(place, *words(kind, given, limits, detail["msg"]))


def _without_branches(told: Place, values: Any) -> Place | None:
    """The place in the document. None: it is said of a shape that the value was not meant to have.

    What may be written in several shapes, as a route and a fallback, pydantic tries in each, and names it in the place.
    """
    place: list[str | int] = []
    here = values
    for before, part in zip(("", *told), told, strict=False):
        if before == "route" and isinstance(part, str) and (part == "RouteSpec" or part.startswith("literal[")):
            if isinstance(here, dict) != (part == "RouteSpec"):
                return None
            continue
        if before == "fallback" and isinstance(part, str) and "FallbackSpec" in part:
            if isinstance(here, list) != part.startswith("tuple["):
                return None
            continue
        place.append(part)
        try:
            here = here[part]
        except (LookupError, TypeError):
            here = None
    return tuple(place)


def _unknown_key(place: Place) -> Finding:
    word, model = str(place[-1]), model_at(place[:-1])
    known = [key for key, _ in _keys_of(model)] if model is not None else []
    hint = did_you_mean(word, known, known_as="The keys here are")
    if closest(word, known) is None and (above := _place_of_key(word)):
        hint = f"`{word}` is a key of {above}."
    return Finding(place, f"there is no key {word!r} here", hint, at_key=True)


def _place_of_key(word: str) -> str | None:
    """Where in the language a key belongs that was written somewhere else."""
    homes = {
        "a step": ("phases", 0, "steps", 0),
        "a phase": ("phases", 0),
        "a gate": ("phases", 0, "gate"),
        "an approval": ("phases", 0, "gate", "approval"),
        "a retry policy": ("defaults", "retry"),
        "the blueprint": (),
    }
    for home, place in homes.items():
        model = model_at(place)
        if model is not None and word in dict(_keys_of(model)):
            return home
    return None


def _example(place: Place) -> str:
    examples = {
        "name": "Write, for instance, `name: tool-launch`.",
        "version": "Write, for instance, `version: 1`.",
        "title": "Write, for instance, `title: Launch a tool`.",
        "phases": "A blueprint has at least one phase.",
        "steps": "A phase has at least one step.",
        "key": "Write, for instance, `key: research`.",
        "check": 'Write, for instance, `check: "results.brief.coverage >= 0.8"`.',
    }
    return examples.get(str(place[-1]), f"Add `{place[-1]}:`.")


_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "dict_type": "an object (key: value)",
    "float_type": "a number",
    "model_type": "an object (key: value)",
    "model_attributes_type": "an object (key: value)",
    "tuple_type": "a list",
    "list_type": "a list",
}
_HINTS = {
    "text": "Put it between quotes.",
    "a list": "Write [a, b], or one item a line after a dash.",
}


def words(kind: str, given: Any, limits: dict[str, Any], said: str) -> tuple[str, str]:
    """Message and hint for what pydantic found."""
    if kind in _WANTED:
        wanted = _WANTED[kind]
        found = "nothing is written" if given is None else f"this is {kind_of(given)}: {_short(given)}"
        hint = "Write a value, or remove the key." if given is None else _HINTS.get(wanted, "")
        return f"{wanted} is needed here, and {found}", hint
    if kind in ("literal_error", "enum"):
        known = re.findall(r"'([^']*)'", str(limits.get("expected", "")))
        return f"{_short(given)} is none of {', '.join(known)}", _meant(given, known)
    if kind == "value_error":
        why = str(limits.get("error", said))
        return why, durations.HOW_TO if "duration" in why else ""
    if kind == "string_pattern_mismatch":
        return _pattern(given, limits)
    measure = _MEASURES.get(kind)
    return measure(given, limits) if measure is not None else (said[:1].lower() + said[1:], "")


_MEASURES: dict[str, Callable[[Any, dict[str, Any]], tuple[str, str]]] = {
    "greater_than": lambda given, limits: (f"{_short(given)} is too small: more than {limits['gt']:g} is needed", ""),
    "greater_than_equal": lambda given, limits: (f"{_short(given)} is too small: the least is {limits['ge']}", ""),
    "less_than_equal": lambda given, limits: (f"{_short(given)} is too large: the most is {limits['le']}", ""),
    "string_too_short": lambda given, limits: ("the text is empty", "Write something, or remove the key."),
    "string_too_long": lambda given, limits: (
        f"the text has {len(given)} characters, at most {limits['max_length']} fit",
        "",
    ),
    "too_short": lambda given, limits: ("the list is empty", "It needs at least one item."),
    "too_long": lambda given, limits: (
        f"the list has {limits['actual_length']} items, at most {limits['max_length']} fit",
        "",
    ),
}


def _pattern(given: Any, limits: dict[str, Any]) -> tuple[str, str]:
    allows_dash = "-" in limits.get("pattern", "")[12:]
    signs = "small letters, digits, `_`, `-` and `.`" if allows_dash else "small letters, digits and `_`"
    message = f"{_short(given)} is no name: {signs}, a letter first"
    slug = re.sub(r"[^a-z0-9]+", "-" if allows_dash else "_", str(given).lower()).strip("_-").lstrip("0123456789_-")
    return message, f"Write, for instance, {slug!r}." if slug else ""


def _meant(given: Any, known: list[str]) -> str:
    if isinstance(given, str) and "|" in given:
        return "Choose one of them."
    meant = closest(str(given), known)
    return f"Did you mean {meant!r}?" if meant else ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
