"""Approvals over the API: the inbox, one decision for one question, and what others see of it."""

from __future__ import annotations

import threading
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now

from projects.models import Approval, Decision, Project
from projects.services import control
from tests.api.conftest import client_of
from tests.builders import approver, as_actor, drive, look, open_approval


def ids(answer: Any) -> list[str]:
    return [row["id"] for row in answer.json()["results"]]


def test_the_inbox_shows_what_one_may_decide(waiting: Project, editor: User, owner: User, operator: User) -> None:
    asked = str(open_approval(waiting).pk)
    lawyer = approver("lars", "lawyers")

    assert ids(client_of(editor).read("approvals?standing=mine")) == [asked]
    assert ids(client_of(lawyer).read("approvals")) == []
    assert client_of(lawyer).read(f"approvals/{asked}").status_code == 404
    assert ids(client_of(operator).read("approvals?standing=waiting")) == [asked]
    assert ids(client_of(operator).read("approvals?standing=mine")) == []
    assert ids(client_of(operator).read(f"approvals?project={waiting.pk}&state=open")) == [asked]
    assert ids(client_of(operator).read(f"approvals?project={uuid4()}")) == []


def test_an_overdue_approval_is_found_as_such(waiting: Project, operator: User) -> None:
    client = client_of(operator)
    assert ids(client.read("approvals?standing=overdue")) == []
    Approval.objects.filter(project=waiting).update(deadline=Now())

    assert ids(client.read("approvals?standing=overdue")) == [str(open_approval(waiting).pk)]


def test_what_is_asked_is_shown_with_its_evidence(waiting: Project, editor: User) -> None:
    said = client_of(editor).read(f"approvals/{open_approval(waiting).pk}").json()

    assert said["title"] == "Approve the letter"
    assert said["evidence"][0] == {"label": "Text", "value": "Hello, world!"}
    assert said["content"] == {"headline": "Hello, world!"}
    assert said["form"]["properties"] == {"headline": {"type": "string"}}
    assert len(said["evidence_digest"]) == 64
    assert said["decisions"] == []


def test_an_approver_approves_with_an_edit_and_the_project_goes_on(waiting: Project, editor: User) -> None:
    client = client_of(editor)
    asked = client.read(f"approvals/{open_approval(waiting).pk}").json()
    body = {"approve": True, "edits": {"headline": "Hi!"}, "evidence_digest": asked["evidence_digest"]}
    answer = client.send(f"approvals/{asked['id']}/decisions", body)

    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert (said["state"], said["content"]) == ("approved", {"headline": "Hi!"})
    assert [(each["user"], each["verdict"], each["via"]) for each in said["decisions"]] == [("edda", "approve", "api")]
    assert drive(waiting).state == "completed"


def test_the_open_approval_of_a_project_is_decided_by_the_projects_address(waiting: Project, editor: User) -> None:
    client = client_of(editor)
    body = {"verdict": "reject", "comment": "Warmer, please."}
    answer = client.send(f"projects/{waiting.pk}/approval", body)

    assert answer.status_code == 200, answer.content
    assert answer.json()["state"] == "rejected"
    drive(waiting)
    assert waiting.phases.get(key="draft").round == 2


def test_who_decided_sees_the_approval_afterwards_among_the_decided(waiting: Project, editor: User) -> None:
    asked = str(open_approval(waiting).pk)
    client = client_of(editor)
    client.send(f"approvals/{asked}/decisions", {"approve": True})

    assert ids(client.read("approvals?standing=decided")) == [asked]
    assert ids(client.read("approvals?standing=mine")) == []


def test_the_second_decision_is_a_conflict(waiting: Project, editor: User) -> None:
    asked = open_approval(waiting).pk
    other = approver("emil", "editors")
    assert client_of(editor).send(f"approvals/{asked}/decisions", {"approve": True}).status_code == 200
    same = client_of(editor).send(f"approvals/{asked}/decisions", {"approve": True})
    late = client_of(other).send(f"approvals/{asked}/decisions", {"approve": False, "comment": "No."})

    assert (same.status_code, same.json()["code"]) == (409, "already_decided")
    assert (late.status_code, late.json()["code"]) == (409, "approval_closed")
    assert Decision.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_browsers_at_once_one_decides(waiting: Project, editor: User) -> None:
    asked = open_approval(waiting).pk
    people = [editor, approver("emil", "editors")]
    start, codes = threading.Barrier(2), []

    def decide(user: User) -> None:
        client = client_of(user)
        start.wait()
        codes.append(client.send(f"approvals/{asked}/decisions", {"approve": True}).status_code)
        connection.close()

    threads = [threading.Thread(target=decide, args=[user]) for user in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(codes) == [200, 409]
    assert Decision.objects.count() == 1


def test_after_the_deadline_it_is_too_late(waiting: Project, editor: User) -> None:
    asked = open_approval(waiting).pk
    Approval.objects.update(deadline=Now())
    answer = client_of(editor).send(f"approvals/{asked}/decisions", {"approve": True})

    assert (answer.status_code, answer.json()["code"]) == (409, "approval_expired")


def test_a_stale_page_is_a_conflict(waiting: Project, editor: User) -> None:
    asked = open_approval(waiting).pk
    body = {"approve": True, "evidence_digest": "0" * 64}
    answer = client_of(editor).send(f"approvals/{asked}/decisions", body)

    assert (answer.status_code, answer.json()["code"]) == (409, "evidence_changed")
    assert not Decision.objects.exists()


def test_who_is_not_asked_cannot_decide(waiting: Project, owner: User, operator: User, outsider: User) -> None:
    asked = open_approval(waiting).pk

    for user, status in ((operator, 403), (outsider, 404), (owner, 404), (approver("lars", "lawyers"), 404)):
        answer = client_of(user).send(f"approvals/{asked}/decisions", {"approve": True})
        assert answer.status_code == status, user
    assert client_of(outsider).send(f"projects/{waiting.pk}/approval", {"approve": True}).status_code == 404
    assert client_of(None).send(f"projects/{waiting.pk}/approval", {"approve": True}).status_code == 401
    assert not Decision.objects.exists()


def test_a_project_that_asks_nothing_has_nothing_to_decide(waiting: Project, owner: User, operator: User) -> None:
    control.cancel(project_id=waiting.pk, actor=as_actor(operator))

    answer = client_of(owner).send(f"projects/{waiting.pk}/approval", {"approve": True})
    assert answer.status_code == 409
    assert look(waiting).state == "cancelled"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"verdict": "maybe"},
        {"verdict": "approve", "approve": True},
        {"approve": "perhaps"},
        {"verdict": "reject"},
        {"approve": False, "comment": "   "},
        {"approve": True, "edits": [1]},
        {"approve": True, "edits": {"headline": 7}},
        {"approve": True, "edits": {"headline": "a\0b"}},
        {"approve": True, "evidence_digest": "short"},
        {"approve": True, "force": True},
    ],
)
def test_a_decision_that_cannot_be_understood_is_refused(waiting: Project, editor: User, body: dict[str, Any]) -> None:
    answer = client_of(editor).send(f"approvals/{open_approval(waiting).pk}/decisions", body)

    assert answer.status_code == 422, answer.content
    assert not Decision.objects.exists()


@pytest.mark.parametrize("approval_id", ["nothing", "0193a1f2-7c40-7d1e-8a53-2f6f0d9b41c7"])
def test_an_approval_that_is_not_there_is_not_found(editor: User, approval_id: str) -> None:
    client = client_of(editor)

    assert client.read(f"approvals/{approval_id}").status_code == 404
    answer = client.send(f"approvals/{approval_id}/decisions", {"approve": True})
    assert (answer.status_code, answer.json()["code"]) == (404, "approval_not_found")


def test_text_of_others_is_told_as_data(editor: User, owner: User, make: Any) -> None:
    drive(make(owner, inputs={"who": "<script>alert(1)</script>"}))
    answer = client_of(editor).read("approvals", accept="text/html")

    assert answer.status_code == 200
    assert "<script>alert(1)</script>" not in answer.content.decode()
