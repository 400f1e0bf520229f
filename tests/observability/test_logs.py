"""One line an entry, with its ids, and without secrets."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_site.observability.logs import configure_logging
from orchestrator_site.observability.secrets import clean, clean_text

SAYING = """
import logging, logging.config, sys, structlog
from orchestrator_site.observability.logs import configure_logging
logging.config.dictConfig(configure_logging(sys.argv[1], sys.argv[2]))
structlog.contextvars.bind_contextvars(request_id="req-12345678")
logging.getLogger("plain").info("hello %s", "world", extra={"project": "p1"})
structlog.stdlib.get_logger("structured").info("hello", step="s1", password="hidden1")
logging.getLogger("plain").debug("too low")
logging.getLogger("plain").warning("a\\nforged: line\\x1b[31m of redis://u:hidden2@host/0")
logging.getLogger("django.request").error("bad", extra={"request": object(), "status_code": 500})
try:
    raise ValueError("Authorization: Api-Key pg_live_ab12cd34_hidden3hidden3hidden3")
except ValueError:
    logging.getLogger("plain").exception("failed")
print("the answer")
"""


def say(level: str, style: str) -> tuple[str, str]:
    done = subprocess.run([sys.executable, "-c", SAYING, level, style], capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


def test_json_is_one_object_a_line_with_ids_and_levels() -> None:
    out, err = say("INFO", "json")
    entries = [json.loads(line) for line in err.splitlines()]

    assert out == "the answer\n"
    assert [entry["message"] for entry in entries][:2] == ["hello world", "hello"]
    assert all(entry["request_id"] == "req-12345678" for entry in entries)
    assert {"at", "level", "logger", "process", "pid"} <= set(entries[0])
    assert (entries[0]["project"], entries[1]["step"]) == ("p1", "s1")
    assert [entry["level"] for entry in entries] == ["info", "info", "warning", "error", "error"]
    assert "ValueError" in entries[-1]["exception"]
    assert (entries[3]["status_code"], "request" in entries[3]) == (500, False)


def test_text_is_for_people_and_no_value_can_forge_a_line() -> None:
    _out, err = say("INFO", "text")

    assert "hello world" in err
    assert not any(line.startswith("forged") for line in err.splitlines())
    assert "\x1b[31m" not in err
    assert "a\\nforged: line" in err


@pytest.mark.parametrize("style", ["json", "text"])
def test_secrets_are_in_no_entry(style: str) -> None:
    _out, err = say("DEBUG", style)

    assert "hidden" not in err
    assert "pg_live_ab12cd34_***" in err


def test_a_level_hides_what_is_below_it() -> None:
    assert "too low" not in say("INFO", "json")[1]
    assert "too low" in say("DEBUG", "json")[1]
    assert "hello" not in say("ERROR", "json")[1]


def test_where_no_terminal_is_auto_means_json() -> None:
    assert all(json.loads(line) for line in say("INFO", "auto")[1].splitlines())


def test_configuring_gives_what_django_wants() -> None:
    found = configure_logging("INFO", "json")

    assert found["version"] == 1
    assert found["root"]["level"] == "INFO"
    assert logging.getLevelName(found["loggers"]["celery.app.trace"]["level"]) == logging.WARNING


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("password", "x", False),
        ("db_password", "x", False),
        ("refresh-token", "x", False),
        ("Authorization", "x", False),
        ("SECRET_KEY", "x", False),
        ("api_key", "x", False),
        ("credentials", {"a": 1}, False),
        ("tokens_in", 12, True),
        ("token_count", 12, True),
        ("author", "x", True),
        ("key", "step-key", True),
        ("password", None, True),
    ],
)
def test_a_field_is_secret_by_its_last_word(name: str, value: Any, kept: bool) -> None:
    assert (clean(value, name) == value) is kept


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Bearer abcdefgh.ijkl", "Bearer ***"),
        ("postgresql://me:pa55@db/x", "postgresql://me:***@db/x"),
        ("?token=abc&x=1", "?token=***&x=1"),
        ("password: hunter2, user: bob", "password: ***, user: bob"),
        ("https://example.org/a:b@c", "https://example.org/a:b@c"),
        ("the token was refused", "the token was refused"),
        ("step.completed", "step.completed"),
    ],
)
def test_a_text_is_cleaned_of_what_looks_like_a_secret(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned


def test_what_is_nested_is_cleaned_too() -> None:
    assert clean({"headers": [{"Cookie": "a"}, {"X": "redis://u:p@h"}]}) == {
        "headers": [{"Cookie": "***"}, {"X": "redis://u:***@h"}]
    }


@given(st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_cleaning_never_fails_and_twice_is_as_once(value: Any) -> None:
    once = clean(value)

    assert clean(once) == once
