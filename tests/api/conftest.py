"""Personas with their clients, and a small blueprint that asks a person in the middle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from rest_framework.test import APIClient

from projects.blueprints.load import load_text
from projects.models import Project
from projects.services import control, creating
from projects.services.registration import register_blueprint
from tests.builders import agent_that, approver, as_actor, drive, person

BASE = "/api/v2/orchestrator"

BLUEPRINT = """\
name: letter
version: 1
title: Write a letter
inputs:
  type: object
  properties:
    who: {type: string, default: world}
    much: {type: integer}
phases:
  - key: draft
    title: Draft
    steps:
      - {key: text, agent: api-echo, params: {say: "Hello, ${inputs.who}!"}}
      - {key: parts, agent: api-echo, needs: [text], for_each: "[1, 2, 3]", params: {say: "${item}"}}
    gate:
      approval:
        title: Approve the letter
        approvers: {groups: [editors]}
        content: {headline: "${results.text}"}
        form: {type: object, properties: {headline: {type: string}}}
        evidence: {Text: "${results.text}"}
        on_reject: rework
      max_iterations: 2
  - key: send
    title: Send
    steps:
      - {key: post, agent: api-echo, params: {say: sent}}
"""

READING = """\
name: reading
version: 1
title: Read documents
deduplicate: true
documents: {min: 1, max: 3}
phases:
  - key: read
    steps:
      - {key: text, agent: api-echo, params: {say: read}}
"""


class Client(APIClient):
    """DRF's client, below the API's address and in JSON."""

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request; ``If_Match="…"`` becomes a header."""
        extra = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        return self.generic(
            method,
            f"{BASE}/{path}",
            data=body if isinstance(body, str | bytes) else self._encode_json({} if body is None else body),
            content_type="application/json",
            **extra,
        )

    def read(self, path: str, **headers: str) -> Any:
        """GET."""
        return self.get(f"{BASE}/{path}", **{f"HTTP_{name.upper()}": value for name, value in headers.items()})

    def send(self, path: str, body: Any = None, **headers: str) -> Any:
        """POST of JSON."""
        return self.call("POST", path, body, **headers)

    def _encode_json(self, body: Any) -> str:
        import json

        return json.dumps(body)


def client_of(user: User | None) -> Client:
    """A client in whose session somebody is logged in."""
    client = Client(raise_request_exception=False)
    if user is not None:
        client.force_login(user)
    return client


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """Nobody logs in with one here, and a good hash takes a second."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def agents() -> Iterator[None]:
    agent_that(lambda context: context.params.get("say"), "api-echo")
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def owner(db: None) -> User:
    return person("olga", may=["start_project"])


@pytest.fixture
def operator(db: None) -> User:
    return person("oskar", groups=["operator"])


@pytest.fixture
def admin(db: None) -> User:
    return person("ada", groups=["admin"])


@pytest.fixture
def editor(db: None) -> User:
    return approver("edda", "editors")


@pytest.fixture
def outsider(db: None) -> User:
    return person("ugo", may=["start_project"])


@pytest.fixture
def letter(db: None) -> str:
    """The blueprint, registered."""
    register_blueprint(loaded=load_text(BLUEPRINT))
    return "letter"


@pytest.fixture
def reading(db: None) -> str:
    """A blueprint that takes documents."""
    register_blueprint(loaded=load_text(READING))
    return "reading"


@pytest.fixture
def make(letter: str) -> Callable[..., Project]:
    """Projects of the letter, begun and not moved."""
    from projects.services.registration import find_blueprint

    def one(user: User, *, started: bool = True, **options: Any) -> Project:
        created = creating.create_project(blueprint=find_blueprint(letter), actor=as_actor(user), **options)
        if started:
            control.start(project_id=created.project.pk, actor=as_actor(user))
        return created.project

    return one


@pytest.fixture
def waiting(make: Callable[..., Project], owner: User) -> Project:
    """Olga's letter, at its approval."""
    return drive(make(owner))
