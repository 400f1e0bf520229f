"""Two results laid line against line."""

from __future__ import annotations

from typing import Any

import pytest

from projects.planning.comparing import LONGEST, MOST_LINES, TOO_LONG_TO_COMPARE, line_difference


def shown(before: Any, after: Any) -> list[str]:
    return [f"{line.sign}{line.text}" for line in line_difference(before, after)]


@pytest.mark.parametrize("value", [None, "", "a text", {"a": [1, 2], "b": None}, [], 0])
def test_the_same_is_no_difference(value: Any) -> None:
    assert line_difference(value, value) == ()


def test_what_differs_stands_line_against_line_with_some_around_it() -> None:
    before = {"title": "Cats", "rows": [1, 2, 3, 4, 5, 6], "round": 1}
    after = {"title": "Cats", "rows": [1, 2, 3, 4, 5, 6], "round": 2}

    assert shown(before, after) == [
        "@",
        " {",
        '-  "round": 1,',
        '+  "round": 2,',
        '   "rows": [',
        "     1,",
    ]


def test_texts_are_compared_by_their_lines() -> None:
    assert shown("one\ntwo", "one\nthree") == ["@", " one", "-two", "+three"]


def test_what_is_not_there_in_one_is_all_new() -> None:
    assert shown(None, "a") == ["@", "+a"]
    assert shown({"b": 1}, None) == ["@", "-{", '-  "b": 1', "-}"]


def test_it_stays_short_whatever_it_is_given() -> None:
    many = line_difference([0] * 3 * MOST_LINES, [1] * 3 * MOST_LINES)
    assert len(many) == MOST_LINES + 1
    assert many[-1].text.endswith("more lines")
    assert len(line_difference("x" * 10 * LONGEST, None)[1].text) == LONGEST
    assert "too long" in line_difference([0] * TOO_LONG_TO_COMPARE, [1] * 9)[0].text
