"""POST projects: who may, what is taken, what is refused, and that nothing is half-made."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings

from orchestrator_site.conf import conf
from projects.models import Document, Project
from tests.api.conftest import BASE, client_of
from tests.builders import drive, kinds, look

NOTE = b"The client MUST use TLS. The server SHOULD log it.\n"


def given(name: str = "note.txt", content: bytes = NOTE) -> dict[str, str]:
    return {"name": name, "content_base64": base64.b64encode(content).decode()}


def test_a_project_is_made_and_begun_at_once(owner: User, letter: str) -> None:
    answer = client_of(owner).send("projects", {"blueprint": letter, "inputs": {"who": "you"}, "priority": "high"})

    assert answer.status_code == 201, answer.content
    said = answer.json()
    assert answer["Location"].endswith(f"{BASE}/projects/{said['id']}")
    assert (said["state"], said["owner"], said["priority"], said["existing"]) == ("running", "olga", "high", False)
    assert said["inputs"] == {"who": "you"}
    assert drive(Project.objects.get()).phases.get(key="draft").state == "waiting"


def test_a_project_that_is_not_to_start_waits_to_be_started(owner: User, letter: str) -> None:
    answer = client_of(owner).send("projects", {"blueprint": letter, "start": False})

    assert answer.status_code == 201
    assert answer.json()["state"] == "pending"
    assert "project.start_asked" not in kinds(Project.objects.get())


def test_the_same_key_gives_the_same_project(owner: User, letter: str) -> None:
    client = client_of(owner)
    first = client.send("projects", {"blueprint": letter, "key": "mine"})
    second = client.send("projects", {"blueprint": letter, "key": "mine"})

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["existing"] is True
    assert second.json()["id"] == first.json()["id"]


def test_a_key_is_for_one_job(owner: User, letter: str) -> None:
    client = client_of(owner)
    client.send("projects", {"blueprint": letter, "key": "mine"})
    answer = client.send("projects", {"blueprint": letter, "key": "mine", "inputs": {"who": "else"}})

    assert (answer.status_code, answer.json()["code"]) == (409, "key_taken")


def test_a_key_of_somebody_else_is_a_conflict_and_tells_nothing(owner: User, outsider: User, letter: str) -> None:
    first = client_of(owner).send("projects", {"blueprint": letter, "key": "mine"}).json()
    answer = client_of(outsider).send("projects", {"blueprint": letter, "key": "mine"})

    assert answer.status_code == 409
    assert answer.json()["code"] == "key_taken"
    assert first["id"] not in answer.content.decode()


def test_the_same_job_of_somebody_else_is_done_anew(owner: User, outsider: User, reading: str) -> None:
    body = {"blueprint": reading, "documents": [given()]}
    first = client_of(owner).send("projects", body)
    second = client_of(outsider).send("projects", body)

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json()["id"] != first.json()["id"]
    assert second.json()["owner"] == "ugo"


def test_what_one_cannot_see_one_cannot_run_after(
    owner: User, outsider: User, letter: str, make: Callable[..., Project]
) -> None:
    before = make(owner)
    answer = client_of(outsider).send("projects", {"blueprint": letter, "after": [str(before.pk)]})

    assert (answer.status_code, answer.json()["code"]) == (404, "after_not_found")
    assert client_of(owner).send("projects", {"blueprint": letter, "after": [str(before.pk)]}).status_code == 201


def test_documents_come_in_base64_and_the_same_job_is_recognised(owner: User, reading: str) -> None:
    client = client_of(owner)
    first = client.send("projects", {"blueprint": reading, "documents": [given()]})
    again = client.send("projects", {"blueprint": reading, "documents": [given("other-name.txt")]})
    anew = client.send("projects", {"blueprint": reading, "documents": [given()], "rerun": True})

    assert [first.status_code, again.status_code, anew.status_code] == [201, 200, 201]
    assert anew.json()["rerun_of"] == first.json()["id"]
    assert Document.objects.filter(project_id=first.json()["id"]).get().name == "note.txt"


def test_documents_come_as_a_form_with_files(owner: User, reading: str) -> None:
    files = [SimpleUploadedFile("one.txt", NOTE), SimpleUploadedFile("two.md", b"# Two\n\nIt shall work.\n")]
    answer = client_of(owner).post(
        f"{BASE}/projects",
        {"project": '{"blueprint": "reading", "priority": "low"}', "intent": "Read", "document": files},
        format="multipart",
    )

    assert answer.status_code == 201, answer.content
    assert (answer.json()["priority"], answer.json()["intent"]) == ("low", "Read")
    assert list(Document.objects.order_by("position").values_list("name", flat=True)) == ["one.txt", "two.md"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    opened = tmp_path / "opened"
    opened.mkdir()
    (opened / "note.txt").write_bytes(NOTE)
    (tmp_path / "secret.txt").write_bytes(b"The password is to be kept.\n")
    monkeypatch.setattr("projects.api.bodies.conf", lambda: conf().model_copy(update={"document_dir": opened}))
    return opened


def test_documents_come_by_path_from_the_folder_that_is_opened(owner: User, reading: str, folder: Path) -> None:
    answer = client_of(owner).send("projects", {"blueprint": reading, "documents": [{"path": "note.txt"}]})

    assert answer.status_code == 201, answer.content


@pytest.mark.parametrize("path", ["../secret.txt", "link.txt", "missing.txt", ".", "/etc/hostname", "a\x01b"])
def test_paths_outside_of_the_folder_are_refused_without_telling_where_it_is(
    owner: User, reading: str, folder: Path, path: str
) -> None:
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    answer = client_of(owner).send("projects", {"blueprint": reading, "documents": [{"path": path}]})

    assert answer.status_code == 422, answer.content
    assert str(folder.parent) not in answer.content.decode()
    assert not Project.objects.exists()


def test_paths_are_refused_where_no_folder_is_opened(owner: User, reading: str) -> None:
    answer = client_of(owner).send("projects", {"blueprint": reading, "documents": [{"path": "note.txt"}]})

    assert answer.status_code == 422
    assert "PHASEGATE_DOCUMENT_DIR" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 422, "blueprint"),
        ({"blueprint": "nobody"}, 404, "nobody"),
        ({"blueprint": "../../etc/passwd"}, 422, "blueprint"),
        ({"blueprint": "letter.yaml"}, 422, "blueprint"),
        ({"blueprint": "letter", "color": "red", "priorty": 1}, 422, "color"),
        ({"blueprint": "letter", "priority": "urgent"}, 422, "priority"),
        ({"blueprint": "letter", "inputs": [1]}, 422, "inputs"),
        ({"blueprint": "letter", "inputs": {"who": 7}}, 422, "who"),
        ({"blueprint": "letter", "inputs": {"much": 2**53}}, 422, "inputs.much"),
        ({"blueprint": "letter", "inputs": {"who": "a\0b"}}, 422, "inputs.who"),
        ({"blueprint": "letter", "inputs": {"a\0b": 1}}, 422, "inputs"),
        ({"blueprint": "letter", "intent": "\ud800"}, 422, "intent"),
        ({"blueprint": "letter", "title": "x" * 201}, 422, "title"),
        ({"blueprint": "letter", "after": ["nothing"]}, 422, "after"),
        ({"blueprint": "letter", "after": ["0193a1f2-7c40-7d1e-8a53-2f6f0d9b41c7"]}, 404, "run after"),
        ({"blueprint": "letter", "documents": [given()]}, 422, "document"),
        ({"blueprint": "reading"}, 422, "document"),
        ({"blueprint": "reading", "documents": [{"name": "a.txt", "content_base64": "%%%"}]}, 422, "documents[0]"),
        ({"blueprint": "reading", "documents": [{"content_base64": ""}]}, 422, "documents[0].name"),
        ({"blueprint": "reading", "documents": [given("../up.txt")]}, 422, "up.txt"),
        ({"blueprint": "reading", "documents": [given("a.txt", b"")]}, 422, "a.txt"),
        ({"blueprint": "reading", "documents": [given(f"{n}.txt") for n in range(4)]}, 422, "3 documents"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(
    owner: User, letter: str, reading: str, body: dict[str, Any], status: int, said: str
) -> None:
    answer = client_of(owner).send("projects", body)

    assert answer.status_code == status, answer.content
    assert answer["Content-Type"].startswith("application/problem+json")
    assert said in answer.content.decode()
    assert not Project.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 422),
        ("{", 400),
        ("nonsense", 400),
        ('{"blueprint": NaN}', 400),
        ('{"blueprint": "letter", "blueprint": "letter"}', 400),
        (b'{"blueprint": "\xff"}', 400),
        ("[]", 422),
        ("null", 422),
        ("7", 422),
        ('"text"', 422),
        ('{"blueprint": "letter", "inputs": {"much": 1e999}}', 422),
        ('{"blueprint": "letter", "inputs": {"much": ' + "9" * 5000 + "}}", 422),
        ('{"blueprint": "letter", "inputs": {"much": ' + '{"a":' * 40 + "1" + "}" * 40 + "}}", 422),
        ("[" * 100_000, 422),
    ],
)
def test_what_is_no_object_of_json_is_refused(owner: User, letter: str, body: str | bytes, status: int) -> None:
    answer = client_of(owner).send("projects", body)

    assert answer.status_code == status, answer.content
    assert answer["Content-Type"].startswith("application/problem+json")


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=2000)
def test_a_body_that_is_too_large_is_refused(owner: User, letter: str) -> None:
    answer = client_of(owner).send("projects", {"blueprint": letter, "intent": "x" * 3000})

    assert answer.status_code == 413
    assert answer.json()["code"] == "body_too_large"


def test_a_document_that_is_too_large_is_refused(owner: User, reading: str, monkeypatch: pytest.MonkeyPatch) -> None:
    small = lambda: conf().model_copy(update={"document_max_bytes": 40})  # noqa: E731
    monkeypatch.setattr("projects.services.intake.conf", small)
    answer = client_of(owner).send("projects", {"blueprint": reading, "documents": [given()]})

    assert answer.status_code in (413, 422)
    assert "note.txt" in answer.json()["detail"]
    assert not Project.objects.exists()


def test_documents_that_are_too_large_together_are_refused(
    owner: User, reading: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = lambda: conf().model_copy(update={"document_max_bytes": 20})  # noqa: E731
    monkeypatch.setattr("projects.api.bodies.conf", small)
    files = [SimpleUploadedFile(f"{n}.txt", NOTE) for n in range(2)]
    answer = client_of(owner).post(f"{BASE}/projects", {"blueprint": "reading", "document": files}, format="multipart")

    assert answer.status_code == 413
    assert not Project.objects.exists()


def test_a_project_is_not_left_behind_when_it_cannot_begin(
    operator: User, letter: str, make: Callable[..., Project]
) -> None:
    before = make(operator, started=False)
    client = client_of(operator)
    assert client.send(f"projects/{before.pk}/cancel").status_code == 202
    answer = client.send("projects", {"blueprint": letter, "after": [str(before.pk)]})

    assert answer.status_code == 409
    assert list(Project.objects.all()) == [look(before)]


def test_who_has_no_right_cannot_start(editor: User, letter: str) -> None:
    assert client_of(None).send("projects", {"blueprint": letter}).status_code in (401, 403)
    assert client_of(editor).send("projects", {"blueprint": letter}).status_code == 403
    assert not Project.objects.exists()


def test_who_has_that_right_approves_beforehand(owner: User, admin: User, letter: str) -> None:
    body = {"blueprint": letter, "auto_approve": True}

    assert client_of(owner).send("projects", body).status_code == 403
    assert client_of(admin).send("projects", body).status_code == 201
    assert drive(Project.objects.get()).state == "completed"
