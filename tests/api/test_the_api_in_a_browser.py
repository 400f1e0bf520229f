"""The browsable API in a session: pages with forms, protected against requests from elsewhere; and API keys."""

from __future__ import annotations

import json
import re

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile

from orchestrator_site.access import services as access
from orchestrator_site.access.actors import system_actor
from orchestrator_site.access.roles import Role
from projects.models import Document, Project
from tests.api.conftest import BASE, Client, client_of
from tests.builders import drive, look, open_approval


def page(client: Client, path: str) -> str:
    answer = client.read(path, accept="text/html")
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"].startswith("text/html")
    text: str = answer.content.decode()
    return text


@pytest.mark.parametrize(
    "path",
    [
        "projects",
        "projects/{project}",
        "projects/{project}/state",
        "projects/{project}/steps",
        "projects/{project}/steps/parts",
        "projects/{project}/history",
        "projects/{project}/graph",
        "projects/stuck",
        "approvals",
        "approvals/{approval}",
        "blueprints",
        "blueprints/letter",
        "stats/daily",
    ],
)
def test_every_resource_has_a_page(waiting: Project, admin: User, path: str) -> None:
    where = path.format(project=waiting.pk, approval=open_approval(waiting).pk)

    assert "Phasegate" in page(client_of(admin), where) or "Django REST framework" in page(client_of(admin), where)


def test_the_form_of_the_page_starts_a_project_with_a_document(owner: User, reading: str) -> None:
    client = client_of(owner)
    text = page(client, "projects")
    names = set(re.findall(r'name="(\w+)"', text))
    assert {"blueprint", "intent", "inputs", "document", "start"} <= names

    filled = dict.fromkeys(("intent", "inputs", "title", "key"), "")
    filled |= {"blueprint": "reading", "start": "false", "priority": "high", "csrfmiddlewaretoken": "x"}
    document = SimpleUploadedFile("note.txt", b"It shall work.\n")
    answer = client.post(f"{BASE}/projects", {**filled, "document": document}, "multipart", HTTP_ACCEPT="text/html")

    assert answer.status_code == 201, answer.content
    assert (Project.objects.get().state, Project.objects.get().priority_name) == ("pending", "high")
    assert Document.objects.get().name == "note.txt"


def test_the_text_of_the_page_is_a_body_that_is_taken(owner: User, letter: str) -> None:
    text = page(client_of(owner), "projects")
    shown = re.search(r"<textarea[^>]*name=\"_content\"[^>]*>(.*?)</textarea>", text, re.DOTALL)
    assert shown is not None
    body = json.loads(shown.group(1).replace("&quot;", '"')) | {"blueprint": letter}

    assert client_of(owner).send("projects", body).status_code == 201


def test_decisions_and_steering_have_forms(waiting: Project, editor: User, operator: User) -> None:
    decided = client_of(editor).post(
        f"{BASE}/approvals/{open_approval(waiting).pk}/decisions",
        {"verdict": "approve", "comment": "", "edits": "", "evidence_digest": ""},
        format="multipart",
    )
    assert decided.status_code == 200, decided.content
    paused = client_of(operator).post(f"{BASE}/projects/{waiting.pk}/pause", {"reason": "why"}, "multipart")
    assert paused.status_code == 202, paused.content


def test_a_form_from_elsewhere_is_refused(owner: User, letter: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    answer = client.send("projects", {"blueprint": letter})

    assert answer.status_code == 403
    assert not Project.objects.exists()


def keyed(user: User, role: str) -> Client:
    """A program that has a key of somebody's."""
    issued = access.create_key(name=role, role=Role(role), by=system_actor(), user=user)
    client = Client(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {issued.text}")
    return client


def test_a_key_acts_for_its_user_and_history_says_so(operator: User, letter: str) -> None:
    client = keyed(operator, "operator")
    made = client.send("projects", {"blueprint": letter}).json()
    events = client.read(f"projects/{made['id']}/history").json()["results"]

    assert made["owner"] == "oskar"
    assert events[0]["actor"].startswith("user:oskar key:")
    assert client.send(f"projects/{made['id']}/pause").status_code == 202


def test_a_key_has_no_more_rights_than_its_role(operator: User, waiting: Project) -> None:
    client = keyed(operator, "viewer")

    assert client.read(f"projects/{waiting.pk}").status_code == 200
    assert client.send(f"projects/{waiting.pk}/pause").status_code == 403
    assert client.send("projects", {"blueprint": "letter"}).status_code == 403
    assert look(waiting).directive == "run"


def test_an_approver_decides_with_a_key(editor: User, waiting: Project) -> None:
    client = keyed(editor, "approver")

    assert [row["id"] for row in client.read("approvals").json()["results"]] == [str(open_approval(waiting).pk)]
    assert client.send(f"projects/{waiting.pk}/approval", {"approve": True}).status_code == 200
    assert drive(waiting).state == "completed"


def test_a_key_that_is_none_is_refused(letter: str) -> None:
    client = Client()
    client.credentials(HTTP_AUTHORIZATION="Api-Key pg_live_nonsense")
    answer = client.read("projects")

    assert (answer.status_code, answer.json()["status"]) == (401, 401)
    assert "Api-Key" in answer["WWW-Authenticate"]
