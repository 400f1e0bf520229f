"""What the status of a reply means."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.errors import AgentBusy, AgentFailure, AgentTimedOut, PermanentFailure
from agents.wire.replies import MOST_RETRY_AFTER, failure_of, readable, retry_after

NOW = datetime(2026, 11, 21, 13, 0, 0, tzinfo=UTC)
PROBLEM = {"content-type": "application/problem+json; charset=utf-8"}


def failure(status: int, **headers: str) -> AgentFailure:
    return failure_of("far", status, {name.replace("_", "-"): value for name, value in headers.items()}, b"", now=NOW)


@pytest.mark.parametrize(
    "status", [400, 401, 403, 404, 405, 409, 410, 413, 422, 451, 301, 302, 307, 308, 199, 999 - 600]
)
def test_most_of_4xx_and_every_redirect_is_permanent(status: int) -> None:
    assert type(failure(status)) is PermanentFailure
    assert not failure(status).retryable


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 507])
def test_what_may_pass_is_retryable(status: int) -> None:
    assert failure(status).retryable


def test_408_is_a_time_that_ran_out_and_429_and_503_are_busy() -> None:
    assert type(failure(408)) is AgentTimedOut
    assert type(failure(429)) is type(failure(503)) is AgentBusy


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Sat, 21 Nov 2026 13:00:30 GMT", 30.0),
        ("Saturday, 21-Nov-26 13:00:30 GMT", 30.0),
        ("Sat Nov 21 13:00:30 2026", 30.0),
        ("Sat, 21 Nov 2026 12:00:00 GMT", 0.0),
        ("99999999999", MOST_RETRY_AFTER),
        ("Sat, 21 Nov 2099 12:00:00 GMT", MOST_RETRY_AFTER),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
    ],
)
def test_when_to_ask_again_is_read_as_seconds_or_as_a_date(value: str, seconds: float | None) -> None:
    assert retry_after(value, now=NOW) == seconds


@given(st.text(max_size=60))
def test_no_header_breaks_it(value: str) -> None:
    seconds = retry_after(value, now=NOW)
    assert seconds is None or 0 <= seconds <= MOST_RETRY_AFTER


@pytest.mark.parametrize(
    ("headers", "body", "said"),
    [
        (PROBLEM, {"title": "Not found.", "detail": "No customer 7."}, "Not found: No customer 7"),
        (PROBLEM, {"title": "Same", "detail": "Same"}, "Same"),
        ({"content-type": "application/json"}, {"error": {"message": "Bad model", "type": "x"}}, "Bad model"),
        ({"content-type": "application/json"}, {"error": "broken"}, "broken"),
        ({"content-type": "application/json"}, "broken", "broken"),
        ({"content-type": "application/json"}, [1, 2], ""),
        (PROBLEM, {"title": 7, "detail": None}, ""),
    ],
)
def test_what_an_error_says_is_made_readable(headers: dict[str, str], body: object, said: str) -> None:
    assert readable(headers, json.dumps(body).encode()) == said


def test_text_of_others_is_cut_made_one_line_and_robbed_of_signs_that_change_its_order() -> None:
    body = "first\nsecond\x1b[31m \u202e red ".encode() + b"x" * 2000

    said = readable({"content-type": "text/plain"}, body)

    assert said.startswith("first second [31m red xxx")
    assert len(said) == 500


def test_a_page_for_people_is_not_shown() -> None:
    assert str(failure_of("far", 502, {"content-type": "text/html"}, b"<html>", now=NOW)) == "Agent 'far' answered 502."


@given(st.integers(300, 599), st.binary(max_size=200), st.sampled_from(["application/json", "text/plain", ""]))
def test_every_failure_has_one_printable_line(status: int, body: bytes, kind: str) -> None:
    assert str(failure_of("far", status, {"content-type": kind}, body, now=NOW)).isprintable()
