"""The field of a form for each kind of property of a JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from django import forms

from orchestrator_site.showing.visible import shown_plainly
from projects.deciding.properties import Property, same

LONG_TEXT = 100


def field_for(each: Property, content: Mapping[str, Any]) -> forms.Field:
    """The field of a property, with its present value; for JSON where its own kind of field would lose that."""
    value = content.get(each.name, each.schema.get("default"))
    make = _choice if each.is_choice else _MAKERS.get(each.type, _any)
    field = make(each) if _fits(each, value, is_there=each.name in content) else _any(each)
    is_coded = isinstance(field, forms.TypedChoiceField) and value is not None
    field.initial = json.dumps(value) if is_coded else value
    field.label = str(each.schema.get("title") or each.name.replace("_", " ").capitalize())
    field.help_text = shown_plainly(str(each.schema.get("description", "")))
    return field


def _text(each: Property) -> forms.Field:
    longest = each.schema.get("maxLength")
    is_long = longest is None or longest > LONG_TEXT
    return TextField(
        required=each.required and bool(each.schema.get("minLength")),
        min_length=each.schema.get("minLength") if each.required else None,
        max_length=longest,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3}) if is_long else forms.TextInput,
    )


def _whole(each: Property) -> forms.Field:
    return forms.IntegerField(
        required=each.required and not each.nullable,
        min_value=each.schema.get("minimum"),
        max_value=each.schema.get("maximum"),
    )


def _number(each: Property) -> forms.Field:
    return forms.FloatField(
        required=each.required and not each.nullable,
        min_value=each.schema.get("minimum"),
        max_value=each.schema.get("maximum"),
        widget=forms.NumberInput(attrs={"step": "any"}),
    )


def _yes_or_no(each: Property) -> forms.Field:
    return forms.BooleanField(required=False)


def _choice(each: Property) -> forms.Field:
    values = [value for value in each.schema["enum"] if value is not None]
    optional = not each.required or None in each.schema["enum"]
    return forms.TypedChoiceField(
        required=not optional,
        choices=[("", "—")] * optional + [(json.dumps(value), _plain(value)) for value in values],
        coerce=json.loads,
        empty_value=None,
    )


def _list(each: Property) -> forms.Field:
    items = each.schema.get("items", {})
    if isinstance(items, Mapping) and "enum" in items:
        return forms.MultipleChoiceField(
            required=False,
            choices=[(value, value) for value in items["enum"] if isinstance(value, str)],
            widget=forms.CheckboxSelectMultiple,
        )
    if isinstance(items, Mapping) and items.get("type") == "string":
        return LinesField(required=False)
    return _any(each)


def _any(each: Property) -> forms.Field:
    return AnyField(required=False, widget=forms.Textarea(attrs={"rows": 5, "class": "code"}))


class TextField(forms.CharField):
    """A text that comes back from a browser as it was: forms send line ends in another way."""

    def to_python(self, value: Any) -> Any:
        """The text with plain line ends."""
        return str(super().to_python(value) or "").replace("\r\n", "\n")


class LinesField(forms.CharField):
    """A list of texts, one a line; empty lines are none of it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 5}), strip=False, **options)

    def prepare_value(self, value: Any) -> Any:
        """One item a line."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """The lines that hold something."""
        return [line.strip() for line in (super().to_python(value) or "").splitlines() if line.strip()]


class AnyField(forms.JSONField):
    """A value of any type, written as JSON; empty where there is none."""

    def prepare_value(self, value: Any) -> Any:
        """Nothing for no value, where JSON would write null."""
        return "" if value is None else super().prepare_value(value)

    def to_python(self, value: Any) -> Any:
        """The value; texts as plain texts, without the mark that Django gives to those it has read."""
        found = super().to_python(value)
        return str(found) if isinstance(found, str) else found


def _fits(each: Property, value: Any, *, is_there: bool) -> bool:
    """Whether the field of the property's own kind gives the value back as it was."""
    if value is None:
        return each.type != "boolean" or not is_there
    if each.is_choice:
        return any(same(value, choice) for choice in each.schema["enum"])
    if isinstance(value, bool) or each.type == "boolean":
        return each.type == "boolean" and isinstance(value, bool)
    match each.type:
        case "string":
            return isinstance(value, str) and "\r" not in value
        case "integer":
            return isinstance(value, int)
        case "number":
            return isinstance(value, (int, float))
        case "array":
            return isinstance(value, list) and _fits_lines(each, value)
        case _:
            return True


def _fits_lines(each: Property, value: list[Any]) -> bool:
    items = each.schema.get("items", {})
    if "enum" in items:
        return all(item in items["enum"] for item in value)
    return all(isinstance(item, str) and item == " ".join(item.splitlines()).strip() != "" for item in value)


def _plain(value: Any) -> str:
    return shown_plainly(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


_MAKERS: Mapping[str, Callable[[Property], forms.Field]] = {
    "string": _text,
    "integer": _whole,
    "number": _number,
    "boolean": _yes_or_no,
    "array": _list,
}
