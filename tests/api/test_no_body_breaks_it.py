"""Whatever is sent, the answer is a refusal or a success: never a 500."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projects.models import Project
from tests.api.conftest import BASE, Client, client_of

FUZZ = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

TEXT = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", "\0", "a\0b", "letter", "reading", "letter@1", "high", "../x", "\ud800", "x" * 300, "%s", "{{7*7}}"]
    ),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=True),
    TEXT,
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=12,
)
DOCUMENTS = st.lists(
    st.one_of(
        st.fixed_dictionaries({"name": TEXT, "content_base64": st.one_of(TEXT, st.just("SXQgc2hhbGwu"))}),
        st.fixed_dictionaries({"path": TEXT}),
        JSON,
    ),
    max_size=3,
)


def mostly(valid: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(valid, valid, JSON)


BODY = st.fixed_dictionaries(
    {"blueprint": mostly(st.sampled_from(["letter", "reading", "hello"]))},
    optional={
        "inputs": mostly(st.dictionaries(st.sampled_from(["who", "much", "other"]), JSON, max_size=3)),
        "intent": mostly(TEXT),
        "title": mostly(TEXT),
        "priority": mostly(st.sampled_from(["low", "high"])),
        "key": mostly(TEXT),
        "after": mostly(st.lists(mostly(st.uuids().map(str)), max_size=2)),
        "auto_approve": mostly(st.booleans()),
        "rerun": mostly(st.booleans()),
        "start": mostly(st.booleans()),
        "documents": mostly(DOCUMENTS),
        "surprise": JSON,
    },
)
DECISION = st.fixed_dictionaries(
    {},
    optional={
        "verdict": mostly(st.sampled_from(["approve", "reject"])),
        "approve": mostly(st.booleans()),
        "comment": mostly(TEXT),
        "edits": mostly(st.dictionaries(TEXT, JSON, max_size=2)),
        "evidence_digest": mostly(st.just("0" * 64)),
    },
)


@pytest.fixture
def client(admin: User, letter: str, reading: str) -> Client:
    return client_of(admin)


def sound(answer: Any) -> None:
    assert answer.status_code < 500, answer.content
    if answer.status_code >= 400:
        assert answer["Content-Type"].startswith("application/problem+json"), answer.content
        assert answer.json()["code"] != "internal"


@FUZZ
@given(body=BODY)
def test_no_project_breaks_it(client: Client, body: dict[str, Any]) -> None:
    sound(client.send("projects", json.dumps(body)))


@FUZZ
@given(body=st.one_of(st.binary(max_size=60), JSON.map(lambda value: json.dumps(value).encode())))
def test_no_bytes_break_it(client: Client, body: bytes) -> None:
    sound(client.send("projects", body))


@FUZZ
@given(body=DECISION)
def test_no_decision_breaks_it(client: Client, waiting: Project, body: dict[str, Any]) -> None:
    sound(client.send(f"projects/{waiting.pk}/approval", json.dumps(body)))
    sound(client.send(f"approvals/{open_approval_id(waiting)}/decisions", json.dumps(body)))


def open_approval_id(project: Project) -> str:
    return str(project.approvals.order_by("opened_at").values_list("pk", flat=True)[0])


@FUZZ
@given(
    body=st.dictionaries(st.sampled_from(["reason", "force", "cleanup", "x"]), JSON, max_size=3),
    verb=st.sampled_from(["pause", "resume"]),
)
def test_no_steering_breaks_it(client: Client, waiting: Project, body: dict[str, Any], verb: str) -> None:
    sound(client.send(f"projects/{waiting.pk}/{verb}", json.dumps(body)))


@FUZZ
@given(
    text=st.one_of(
        st.text(max_size=200), st.sampled_from(["phases: [{key: a, steps: []}]", "name: \0", "version: 1e400"])
    )
)
def test_no_blueprint_breaks_it(client: Client, text: str) -> None:
    body = text.encode("utf-8", "surrogatepass")
    sound(client.generic("POST", f"{BASE}/blueprints", data=body, content_type="application/yaml"))


@FUZZ
@given(
    fields=st.dictionaries(
        st.sampled_from(["project", "blueprint", "inputs", "intent", "after", "start", "odd"]), TEXT, max_size=4
    ),
    name=TEXT,
    content=st.binary(max_size=40),
)
def test_no_form_breaks_it(client: Client, fields: dict[str, str], name: str, content: bytes) -> None:
    boundary = "b0undary"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in fields.items()
    ]
    head = (
        "".join(parts) + f'--{boundary}\r\nContent-Disposition: form-data; name="document"; filename="{name}"\r\n\r\n'
    )
    body = head.encode("utf-8", "surrogatepass") + content + f"\r\n--{boundary}--\r\n".encode()
    sound(
        client.generic("POST", f"{BASE}/projects", data=body, content_type=f"multipart/form-data; boundary={boundary}")
    )


@FUZZ
@given(
    path=st.sampled_from(["projects", "approvals", "projects/stuck", "stats/daily", "blueprints"]),
    query=st.dictionaries(
        st.sampled_from(
            [
                "state",
                "cursor",
                "limit",
                "ordering",
                "search",
                "fields",
                "created_after",
                "since",
                "until",
                "quiet",
                "standing",
                "priority",
            ]
        ),
        st.one_of(TEXT, st.integers().map(str), st.dates().map(str), st.datetimes().map(str)),
        max_size=3,
    ),
)
def test_no_query_breaks_it(client: Client, path: str, query: dict[str, str]) -> None:
    told = {name: value.encode("utf-8", "replace").decode() for name, value in query.items()}
    sound(client.get(f"{BASE}/{path}", told))


def test_the_fuzz_reaches_success(client: Client) -> None:
    """Were everything refused at the door, the tests above would prove little."""
    assert client.send("projects", {"blueprint": "letter", "inputs": {"who": "x"}}).status_code == 201
