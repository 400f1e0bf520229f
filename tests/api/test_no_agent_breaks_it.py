"""Whatever agents and those who look for them send, the answer is a refusal or a success: never a 500."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st

from agents import transports
from tests.api.conftest import Client, client_of
from tests.api.test_no_body_breaks_it import FUZZ, JSON, TEXT, mostly, sound

pytestmark = pytest.mark.django_db
AGENT = st.fixed_dictionaries(
    {"name": mostly(st.sampled_from(["pricing", "writer"])), "transport": mostly(st.sampled_from(["http", "llm"]))},
    optional={
        "version": mostly(st.sampled_from(["1.0", "2.0rc1"])),
        "description": mostly(TEXT),
        "service_type": mostly(TEXT),
        "settings": mostly(st.dictionaries(TEXT, JSON, max_size=3)),
        "capabilities": mostly(st.dictionaries(TEXT, mostly(st.just("1.0")), max_size=3)),
        "tags": mostly(st.lists(TEXT, max_size=3)),
        "location": mostly(
            st.dictionaries(st.sampled_from(["region", "zone", "latitude", "longitude"]), JSON, max_size=4)
        ),
        "weight": mostly(st.floats()),
        "priority": mostly(st.integers()),
        "max_concurrency": mostly(st.integers()),
        "cost_per_call": mostly(st.floats()),
        "metadata": mostly(st.dictionaries(TEXT, JSON, max_size=2)),
        "surprise": JSON,
    },
)
BEAT = st.fixed_dictionaries(
    {},
    optional={"agent": mostly(st.uuids().map(str)), "load": mostly(st.floats()), "details": JSON, "surprise": JSON},
)
QUERY = st.dictionaries(
    st.sampled_from(
        [
            "capability",
            "version",
            "tag",
            "any_tag",
            "near",
            "region",
            "zone",
            "reach",
            "state",
            "health",
            "limit",
            "cursor",
        ]
    ),
    st.one_of(TEXT, st.sampled_from(["pricing", ">=1", "52,13", "healthy", "1", "zone", "0.5", "WyIiLDEsMiwzLCJ4Il0"])),
    max_size=4,
)


@pytest.fixture
def client(admin: User, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(transports, "TRANSPORTS", {}, raising=False)
    return client_of(admin)


@FUZZ
@given(body=AGENT)
def test_no_agent_breaks_it(client: Client, body: dict[str, Any]) -> None:
    sound(client.send("agents", json.dumps(body)))


@FUZZ
@given(body=mostly(st.fixed_dictionaries({"heartbeats": st.lists(mostly(BEAT), max_size=4)})))
def test_no_heartbeats_break_it(client: Client, body: Any) -> None:
    sound(client.send("agents/heartbeats", json.dumps(body)))


@FUZZ
@given(query=QUERY)
def test_no_question_breaks_it(client: Client, query: dict[str, str]) -> None:
    sound(client.read(f"agents?{urlencode(query, errors='surrogatepass')}"))


@FUZZ
@given(
    body=st.dictionaries(st.sampled_from(["weight", "tags", "state", "reason", "priority", "load"]), JSON, max_size=3),
    path=st.sampled_from(
        ["pricing", "pricing/drain", "pricing/resume", "pricing/heartbeat", "pricing/circuit", "%00", "x"]
    ),
    method=st.sampled_from(["POST", "PATCH", "DELETE"]),
)
def test_no_steering_breaks_it(client: Client, body: dict[str, Any], path: str, method: str) -> None:
    client.send("agents", {"name": "pricing", "transport": "http"})

    sound(client.call(method, f"agents/{path}", json.dumps(body)))
