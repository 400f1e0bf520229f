"""The language model that is none: the same answer to the same question, and misbehaviour as asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agents.transports.fake_llm import MODELS, FakeLlm, sample

ROOT = Path(__file__).resolve().parents[2]
HELLO = {"model": "fake", "messages": [{"role": "user", "content": "Hello"}]}


def post(base_url: str, body: Any, path: str = "/chat/completions") -> tuple[int, Any]:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(f"{base_url}{path}", sent, timeout=5) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_the_same_question_has_the_same_answer() -> None:
    with FakeLlm() as llm:
        assert post(llm.base_url, HELLO) == post(llm.base_url, HELLO)
    with FakeLlm() as other:
        assert post(other.base_url, HELLO)[1]["choices"][0]["message"]["content"] == "Hello"


SCHEMAS: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.one_of(
        st.builds(lambda least: {"type": "string", "minLength": least}, st.integers(0, 20)),
        st.builds(lambda least: {"type": "integer", "minimum": least}, st.integers(-9, 9)),
        st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"type": ["number", "null"]}, {"const": [1]}]),
        st.builds(lambda values: {"enum": values}, st.lists(st.integers(), min_size=1, max_size=3)),
    ),
    lambda inner: st.one_of(
        st.builds(lambda items, n: {"type": "array", "items": items, "minItems": n}, inner, st.integers(0, 3)),
        st.builds(
            lambda properties: {
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            },
            st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=3),
        ),
        st.builds(lambda each: {"anyOf": [each, {"type": "null"}]}, inner),
    ),
    max_leaves=6,
)


@given(SCHEMAS, st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3))
def test_its_answers_satisfy_the_schema(schema: dict[str, Any], data: dict[str, Any]) -> None:
    numbers = {name: value for name, value in data.items() if isinstance(value, str)}
    Draft202012Validator(schema).validate(sample(schema, numbers))


def test_it_follows_references_inside_the_schema() -> None:
    schema = {"$ref": "#/$defs/item", "$defs": {"item": {"type": "string"}}}

    assert sample(schema) == "text"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"model": "fake"}', b'{"model": "fake", "messages": 5}'])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with FakeLlm() as llm:
        status, told = post(llm.base_url, body)

    assert status == 400
    assert told["error"]["message"]


def test_other_addresses_are_not_there() -> None:
    with FakeLlm() as llm:
        assert post(llm.base_url, HELLO, "/embeddings")[0] == 404


def test_the_command_serves_until_it_is_interrupted() -> None:
    running = subprocess.Popen(
        [sys.executable, "manage.py", "fake_llm", "--port", "0"],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "orchestrator_site.settings"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    base_url = running.stdout.readline().removeprefix("base_url: ").strip()
    models = running.stdout.readline()
    try:
        assert post(base_url, HELLO)[0] == 200
        assert all(name in models for name in MODELS)
        with urllib.request.urlopen(f"{base_url}/models", timeout=5) as answer:  # noqa: S310
            assert [each["id"] for each in json.loads(answer.read())["data"]] == list(MODELS)
    finally:
        running.send_signal(signal.SIGINT)
        assert running.wait(10) == 0
        running.stdout.close()


def test_a_port_that_is_taken_is_a_mistake_of_usage() -> None:
    with FakeLlm() as llm:
        port = llm.base_url.rpartition(":")[2].removesuffix("/v1")
        done = subprocess.run(
            [sys.executable, "manage.py", "fake_llm", "--port", port],
            cwd=ROOT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "orchestrator_site.settings"},
            capture_output=True,
            text=True,
            timeout=60,
        )

    assert done.returncode == 2
    assert f"Port {port} cannot be used" in done.stderr
