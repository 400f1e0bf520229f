"""The OpenAPI document: valid, without a warning, complete, and true to its own examples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from agents.api import urls as of_agents
from projects.api import urls as of_projects
from projects.models import Project
from tests.api.conftest import BASE, client_of
from tests.builders import open_approval

PROBLEM = "application/problem+json"


@cache
def document() -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True)))
    return whole


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        if path.startswith(BASE):
            for method, told in methods.items():
                yield method.upper(), path.removeprefix(f"{BASE}/"), told


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": document()["components"]})


def test_it_is_valid_openapi_and_made_without_a_warning() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())
    assert document()["openapi"].startswith("3.1")
    validate(document())


def test_every_route_is_in_it_without_a_slash_at_its_end() -> None:
    told = {path for _, path, _ in operations()}

    assert len(told) == len(of_projects.urlpatterns) + len(of_agents.urlpatterns)
    assert not [path for path in told if path.endswith("/")]


def test_every_operation_says_what_it_is_and_how_it_may_be_refused() -> None:
    seen: set[str] = set()
    for method, path, told in operations():
        where = f"{method} {path}"
        assert told["operationId"] not in seen, where
        seen.add(told["operationId"])
        assert told["summary"], where
        assert told["description"], where
        assert told["tags"], where
        by_token = "{lease_token}" in path  # which is all that who calls has to say of themselves
        ways = {name for each in told.get("security", ()) for name in each}
        assert (not ways) if by_token else ({"cookieAuth", "apiKey"} <= ways), where
        wanted = {"403", "429"} | ({"401"} | ({"404"} if "{" in path else set()) if not by_token else set())
        wanted |= {"400", "415", "422"} if method in ("POST", "PATCH") else set()
        assert wanted <= set(told["responses"]), where
        for status, answer in told["responses"].items():
            if int(status) >= 400:
                assert set(answer["content"]) == {PROBLEM}, where


def test_every_body_and_every_answer_has_an_example() -> None:
    plain = {"text/plain", "text/html", "text/markdown", "application/xml", "application/ld+json"}
    for method, path, told in operations():
        for kind, body in told.get("requestBody", {}).get("content", {}).items():
            if kind == "application/json":
                assert body["examples"], f"{method} {path} {kind}"
        for status, answer in told["responses"].items():
            for kind, body in answer.get("content", {}).items():
                if kind not in plain | {"application/octet-stream"}:
                    assert body["examples"], f"{method} {path} {status} {kind}"


def test_the_examples_fit_their_schemas() -> None:
    looked_at = 0
    for method, path, told in operations():
        bodies = [told.get("requestBody", {}), *told["responses"].values()]
        for body in (content for each in bodies for content in each.get("content", {}).values()):
            for example in body.get("examples", {}).values():
                mistakes = [error.message for error in validator(body["schema"]).iter_errors(example["value"])]
                assert not mistakes, f"{method} {path}: {mistakes}"
                looked_at += 1
    assert looked_at > 150


@pytest.mark.parametrize(
    "operation_id",
    [
        "projects_list",
        "projects_read",
        "projects_progress",
        "projects_state",
        "projects_graph",
        "projects_snapshot",
        "steps_list",
        "steps_read",
        "history_list",
        "documents_list",
        "approvals_list",
        "approvals_read",
        "blueprints_list",
        "blueprints_read",
        "projects_stuck",
        "stats_daily",
        "checkpoints_list",
        "checkpoints_read",
        "checkpoints_preview",
        "projects_compare",
    ],
)
def test_real_answers_fit_their_schemas(waiting: Project, admin: User, operation_id: str) -> None:
    path, told = next((path, told) for _, path, told in operations() if told["operationId"] == operation_id)
    values = {"project_id": waiting.pk, "approval_id": open_approval(waiting).pk, "key": "parts", "name": "letter"}
    values |= {"number": 1, "other_id": waiting.pk}
    answer = client_of(admin).read(path.format(**values))

    assert answer.status_code == 200, answer.content
    schema = told["responses"]["200"]["content"]["application/json"]["schema"]
    assert not [error.message for error in validator(schema).iter_errors(answer.json())]


def test_refusals_are_problem_documents(waiting: Project, owner: User, editor: User) -> None:
    problem = validator(document()["components"]["schemas"]["Problem"])
    refused = [
        client_of(None).read("projects"),
        client_of(editor).send("projects", {}),
        client_of(owner).read("projects/none"),
        client_of(owner).read("projects", accept="image/png"),
        client_of(owner).send("projects", "{"),
        client_of(owner).send("projects", {"a": 1}),
        client_of(owner).call("PATCH", "projects"),
        client_of(owner).generic("POST", f"{BASE}/projects", data="x", content_type="image/png"),
    ]

    assert [answer.status_code for answer in refused] == [401, 403, 404, 406, 400, 422, 405, 415]
    for answer in refused:
        assert answer["Content-Type"].startswith(PROBLEM), answer.content
        assert not list(problem.iter_errors(answer.json())), answer.content
