"""The page of the API names every operation that there is, and no other."""

from __future__ import annotations

import json
import re
from pathlib import Path

from django.contrib.auth.models import User

from tests.api.conftest import client_of
from tests.api.test_the_openapi_document import operations

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "rest-api.md").read_text()


def test_every_operation_is_named_and_no_other() -> None:
    named = set(re.findall(r"^\| `(GET|POST|PATCH|DELETE) ([^`]+)` \|", PAGE, re.MULTILINE))

    assert named == {(method, path) for method, path, _ in operations()}


def test_the_bodies_on_the_page_are_understood(owner: User, editor: User, operator: User, waiting: object) -> None:
    bodies = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
    starting, deciding, many, problem = bodies
    started = client_of(owner).send("projects", starting)
    decided = client_of(editor).send(f"projects/{waiting.pk}/approval", deciding)  # type: ignore[attr-defined]

    assert client_of(operator).send("projects/pause", many).json() == {"results": [], "left": 0}
    assert started.status_code == 201, started.content
    assert "evidence_digest" in decided.json()["detail"]  # it is cut short on the page
    assert decided.json()["status"] == problem["status"]
    assert set(decided.json()) == set(problem)
