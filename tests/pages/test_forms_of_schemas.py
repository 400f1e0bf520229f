"""Forms made of JSON Schemas: what goes into a browser and comes back is what was there, and nothing is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from projects.deciding.properties import same
from projects.deciding.schema_form import ContentForm


def schema(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


def sent(form: ContentForm, **changed: str) -> dict[str, Any]:
    """What a browser sends back: line ends as forms send them, boxes only where they are ticked."""
    data: dict[str, Any] = {}
    for bound in form:
        value = bound.value()
        if isinstance(value, list):
            data[bound.html_name] = value
        elif value is True:
            data[bound.html_name] = "on"
        elif value is not None and value is not False:  # 0 is sent
            data[bound.html_name] = str(value).replace("\n", "\r\n")
    return data | {f"content-{name}": value for name, value in changed.items()}


class Sent(dict[str, Any]):
    def getlist(self, name: str) -> list[Any]:
        value = self.get(name, [])
        return value if isinstance(value, list) else [value]


def edits(wanted: dict[str, Any], content: dict[str, Any], **changed: str) -> dict[str, Any]:
    form = ContentForm(wanted, content, Sent(sent(ContentForm(wanted, content), **changed)))
    assert form.is_valid(), form.errors
    return form.edits()


KINDS = {
    "text": ({"type": "string"}, "two\nlines "),
    "short": ({"type": "string", "maxLength": 20}, "one"),
    "empty": ({"type": "string"}, ""),
    "whole": ({"type": "integer", "minimum": 0, "maximum": 9}, 3),
    "number": ({"type": "number"}, 0.1),
    "whole number": ({"type": "number"}, 500),
    "yes": ({"type": "boolean"}, True),
    "no": ({"type": "boolean"}, False),
    "choice": ({"enum": ["a", 2, None, True]}, 2),
    "lines": ({"type": "array", "items": {"type": "string"}}, ["one", "two words"]),
    "choices": ({"type": "array", "items": {"enum": ["a", "b"]}}, ["b"]),
    "null": ({"type": ["integer", "null"]}, None),
    "object": ({"type": "object"}, {"a": [1, {"b": None}]}),
    "list of lists": ({"type": "array", "items": {"type": "array"}}, [[1], []]),
    "not of its type": ({"type": "integer"}, "three"),
    "lines with breaks": ({"type": "array", "items": {"type": "string"}}, ["a\nb", " c "]),
    "not a choice": ({"enum": ["a"]}, "gone"),
    "true for a number": ({"type": "integer"}, True),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_was_not_touched_is_no_edit(name: str) -> None:
    wanted, value = KINDS[name]
    assert edits(schema(field=wanted), {"field": value}) == {}


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c"]),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(10**9), 10**9)
            | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz", min_size=1), inner, max_size=3),
            max_leaves=6,
        ),
    ),
    st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "any"]),
)
@example({"a": 0}, "integer")
def test_nothing_is_ever_lost_by_being_shown(content: dict[str, Any], kind: str) -> None:
    wanted = schema(**{name: {} if kind == "any" else {"type": kind, "items": {"type": "string"}} for name in content})
    form = ContentForm(wanted, content, Sent(sent(ContentForm(wanted, content))))
    if form.is_valid():
        assert form.edits() == {}
    else:
        # Only what the schema refuses as empty may be refused; nothing is changed silently.
        assert all(content[name] in (None, "", [], {}) for name in form.errors)


@pytest.mark.parametrize(
    ("wanted", "before", "typed", "after"),
    [
        ({"type": "string"}, "a", "b\r\nc", "b\nc"),
        ({"type": "integer"}, 1, "2", 2),
        ({"type": "number"}, 1, "2.5", 2.5),
        ({"enum": ["a", 2]}, "a", "2", 2),
        ({"type": "array", "items": {"type": "string"}}, ["a"], " b \r\n\r\nc", ["b", "c"]),
        ({"type": "array", "items": {"type": "string"}}, ["a"], "", []),
        ({"type": ["integer", "null"]}, 1, "", None),
        ({"type": "object"}, {}, '{"a": 1}', {"a": 1}),
    ],
)
def test_an_edit_has_the_type_of_the_schema(wanted: Any, before: Any, typed: str, after: Any) -> None:
    changed = edits(schema(field=wanted), {"field": before}, field=typed)["field"]
    assert same(changed, after)


def test_a_field_without_content_stays_out_while_it_is_empty() -> None:
    wanted = schema(
        note={"type": "string"}, size={"type": "integer"}, tags={"type": "array", "items": {"type": "string"}}
    )
    assert edits(wanted, {}) == {}
    assert edits(wanted, {}, note="hello") == {"note": "hello"}


def test_a_number_that_must_be_there_cannot_be_emptied() -> None:
    wanted = schema(size={"type": "integer"})
    form = ContentForm(wanted, {"size": 3}, Sent({"content-size": ""}))
    assert not form.is_valid()
    assert "cannot be emptied" in str(form.errors["size"])


def test_labels_come_from_the_schema_without_hidden_characters() -> None:
    form = ContentForm(
        schema(a={"type": "string", "title": "T", "description": "x\u202ey"}, some_name={"type": "string"}), {}
    )
    assert [str(field.label) for field in form.fields.values()] == ["T", "Some name"]
    assert form.fields["a"].help_text == "x[U+202E]y"


@pytest.mark.parametrize(
    ("one", "other", "are"),
    [
        (1, 1.0, True),
        (1, True, False),
        ("1", 1, False),
        ([1, [2]], [1.0, [2]], True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        (None, None, True),
    ],
)
def test_sameness_is_that_of_json(one: Any, other: Any, are: bool) -> None:
    assert same(one, other) is are
    assert json.dumps(one) is not None
