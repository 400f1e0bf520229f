"""Durations, as people write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projects.blueprints.durations import LONGEST, format_duration, parse_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("500ms", 0.5),
        ("90s", 90),
        ("5m", 300),
        ("24h", 86_400),
        ("7d", 604_800),
        ("1h30m", 5_400),
        ("1d2h3m4s5ms", 93_784.005),
        ("1.5h", 5_400),
        (" 90s ", 90),
        ("90", 90),
        (90, 90),
        (0.25, 0.25),
        (0, 0),
    ],
)
def test_a_duration_is_read_as_seconds(written: object, seconds: float) -> None:
    assert parse_duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "written",
    [
        *("", "s", "5 m", "5min", "-5s", "1m1h", "1m1m", "1:30", "1h30", "∞", "1e3s", "٣s", "4000d", "9" * 13 + "s"),
        *(-1, math.nan, math.inf, 10**400, True, None, []),
    ],
)
def test_all_else_is_refused_with_a_reason(written: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(written)


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=int(LONGEST * 1000)))
def test_what_is_written_is_read_back(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == pytest.approx(milliseconds / 1000, abs=1e-6)


@settings(deadline=None)
@given(st.text(max_size=20))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert 0 <= seconds <= LONGEST
