"""Settings of transports as they may be seen."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.masking import mask_in, masked


@pytest.mark.parametrize(
    ("settings", "seen"),
    [
        ({"url": "https://a.example/run"}, {"url": "https://a.example/run"}),
        ({"url": "https://me:pw@a.example/"}, {"url": "https://me:***@a.example/"}),
        ({"url": "https://a.example/?token=abc&x=1"}, {"url": "https://a.example/?token=***&x=1"}),
        ({"secret": "env:MY_SECRET"}, {"secret": "***"}),
        ({"secret_env": "MY_SECRET"}, {"secret_env": "***"}),
        ({"api_key": "sk-1"}, {"api_key": "***"}),
        ({"key": "k"}, {"key": "***"}),
        ({"headers": {"X-Team": "red"}}, {"headers": {"X-Team": "***"}}),
        ({"auth": {"user": "me", "password": "p"}}, {"auth": {"user": "***", "password": "***"}}),
        ({"tokens": ["a", "b"]}, {"tokens": ["***", "***"]}),
        (
            {"max_tokens": 500, "monkey": "george", "timeout": 3.5},
            {"max_tokens": 500, "monkey": "george", "timeout": 3.5},
        ),
        ({"pool": {"password": "p", "size": 3}}, {"pool": {"password": "***", "size": 3}}),
        ({"secret": ""}, {"secret": ""}),
        ({"secret": ["env:NEW", "env:OLD"]}, {"secret": ["***", "***"]}),
        ({"output_schema": {"properties": {"key": {"type": "string"}}}},) * 2,
    ],
)
def test_what_is_secret_is_not_told_and_the_rest_is(settings: dict[str, Any], seen: dict[str, Any]) -> None:
    assert masked(settings) == seen
    assert mask_in(seen) == (seen != settings)
    assert not mask_in(settings)


NAMES = st.sampled_from(["url", "secret", "api_key", "headers", "model", "nested", "tokens"])
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=8,
)


@given(settings=st.dictionaries(NAMES, VALUES, max_size=5))
def test_masking_keeps_every_name_and_number_and_what_is_masked_stays_so(settings: dict[str, Any]) -> None:
    once = masked(settings)

    assert list(once) == list(settings)
    assert masked(once) == once


@given(name=st.sampled_from(["secret", "api_key", "headers", "tokens"]), value=VALUES)
def test_no_text_below_a_secret_name_is_told(name: str, value: Any) -> None:
    def texts(of: Any) -> list[str]:
        if isinstance(of, str):
            return [of] if of else []
        parts = of.values() if isinstance(of, dict) else of if isinstance(of, list) else []
        return [text for part in parts for text in texts(part)]

    assert set(texts(masked({name: value})[name])) <= {"***"}
