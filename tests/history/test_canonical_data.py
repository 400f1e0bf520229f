"""One digest for one value, from the database and from an export; another for any other value."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import rfc8785
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator_site.history.canonical import NotCanonicalError, canonical_data, depth
from orchestrator_site.history.chain import data_digest
from orchestrator_site.history.exporting import export_lines, read_export

texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
numbers = (
    st.integers(-(10**25), 10**25)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0, -0.0, 2**53, 2**53 + 1, -(2**53) - 1, 1e22, 1e23, 5e-324, 1.7976931348623157e308, 0.1])
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
exact = st.decimals(allow_nan=False, allow_infinity=False, places=25, min_value=-(10**20), max_value=10**20)


@pytest.mark.django_db(transaction=True)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.dictionaries(texts, values, max_size=5))
def test_the_digest_from_the_database_is_the_digest_from_an_export(data: dict[str, Any]) -> None:
    mine = uuid4()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO history_event (stream, kind, actor, data) VALUES (%s, 'k', 'a', %s) RETURNING data::text",
            [mine, json.dumps(data)],
        )
        text = cursor.fetchone()[0]
    entry = next(read_export(iter(list(export_lines(mine)))).entries)

    assert entry.event is not None
    assert entry.event.digest == data_digest(text) != ""


@given(data=values)
def test_keys_and_white_space_make_no_difference(data: Any) -> None:
    one = json.dumps(data, ensure_ascii=False, indent=2)
    two = json.dumps(data, sort_keys=True, separators=(",", ":"))

    assert canonical_data(one) == canonical_data(two)


@given(data=st.dictionaries(texts, st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1), max_size=5))
def test_where_rfc_8785_has_a_form_it_is_ours(data: dict[str, Any]) -> None:
    escaped = {f"#{key}" if key.startswith("#") else key: value for key, value in data.items()}

    assert canonical_data(json.dumps(data)) == rfc8785.dumps(escaped)


@given(one=exact, two=exact)
def test_numbers_have_one_digest_if_and_only_if_they_are_equal(one: Decimal, two: Decimal) -> None:
    assert (canonical_data(f"[{one:f}]") == canonical_data(f"[{two:f}]")) == (one == two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("1.0", "1"),
        ("1e2", "100"),
        ("1.10", "1.1"),
        ("-0", "0"),
        ("9007199254740993.0", "9007199254740993"),
        ("1E400", "10E399"),
        ('{"a":1,"b":2}', '{"b":2,"a":1}'),
        ('"\\u00e9"', '"é"'),
    ],
)
def test_equal_values_written_otherwise(one: str, two: str) -> None:
    assert canonical_data(one) == canonical_data(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("9007199254740993", "9007199254740992"),
        ("9007199254740993", '"9007199254740993"'),
        ("9007199254740993", '"#num:9007199254740993E0"'),
        ('"#a"', '"##a"'),
        ("0.1", "0.1000000000000000055"),
        ("1e400", "1e401"),
        ("null", "false"),
        ("[]", "{}"),
        ('"é"', '"e\u0301"'),
        ("[" * 101 + "]" * 101, "[" * 102 + "]" * 102),
    ],
)
def test_different_values_that_look_alike(one: str, two: str) -> None:
    assert canonical_data(one) != canonical_data(two)


@pytest.mark.parametrize("text", ["", "{", "NaN", '{"a":1,"a":2}', '"\\ud800"', "[1,]"])
def test_what_is_no_json_has_no_digest(text: str) -> None:
    with pytest.raises(NotCanonicalError):
        canonical_data(text)
    assert data_digest(text) == ""


def test_brackets_in_texts_do_not_count_as_depth() -> None:
    assert depth('{"a": "' + "[" * 500 + '"}') == 1
    assert depth('{"a": "\\"' + "{" * 500 + '"}') == 1
    assert depth("[" * 300 + "]" * 300) == 300


def test_a_known_digest_stays_what_it_is() -> None:
    """The form on record: a change of it would break every chain that is kept."""
    text = '{"b": [1.0, 1e-7, 9007199254740993, "#x"], "a": "é"}'
    expected = '{"a":"é","b":[1,1e-7,"#num:9007199254740993E0","##x"]}'

    assert canonical_data(text) == expected.encode()
    assert data_digest(text) == hashlib.sha256(expected.encode()).hexdigest()
