"""Over the API: what is void and asked again, the rounds of a phase, and a right that is gone."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from projects.models import Approval, Decision, Project
from projects.services import advancing
from tests.api.conftest import client_of
from tests.builders import drive, open_approval


def change(project: Project) -> None:
    project.steps.filter(key="text").update(result="Goodbye!")


def test_a_question_that_is_void_names_the_one_that_is_asked_instead(waiting: Project, editor: User) -> None:
    client = client_of(editor)
    first = client.read(f"approvals/{open_approval(waiting).pk}").json()
    change(waiting)
    advancing.advance(waiting.pk)
    again = client.read(f"approvals/{open_approval(waiting).pk}").json()

    assert (again["supersedes"], again["superseded_by"], again["plan_version"]) == (first["id"], None, 1)
    assert {"label": "Text", "before": "Hello, world!", "after": "Goodbye!"} in again["difference"]
    void = client.read(f"approvals/{first['id']}").json()
    assert (void["state"], void["superseded_by"], void["difference"]) == ("void", again["id"], None)


@pytest.mark.parametrize("looked", [False, True])
def test_a_decision_on_what_has_changed_is_a_conflict(waiting: Project, editor: User, looked: bool) -> None:
    asked = open_approval(waiting)
    change(waiting)
    if looked:
        advancing.advance(waiting.pk)
    for key in ({}, {"Idempotency_Key": "once"}):
        answer = client_of(editor).send(
            f"approvals/{asked.pk}/decisions", {"approve": True, "evidence_digest": asked.evidence_digest}, **key
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "evidence_changed"), answer.content
    assert not Decision.objects.exists()


@pytest.mark.parametrize("path", ["approvals/{approval}/decisions", "projects/{project}/approval"])
def test_who_has_lost_the_right_since_reading_it_gets_a_403(waiting: Project, editor: User, path: str) -> None:
    asked = open_approval(waiting)
    address = path.format(approval=asked.pk, project=waiting.pk)
    editor.groups.clear()
    seen = client_of(editor).send(address, {"approve": True, "evidence_digest": asked.evidence_digest})
    guessed = client_of(editor).send(address, {"approve": True, "evidence_digest": "0" * 64})

    assert (seen.status_code, seen.json()["code"]) == (403, "not_an_approver")
    assert guessed.status_code == 404
    assert not Decision.objects.exists()


def worked_over(project: Project, editor: User) -> Project:
    answer = client_of(editor).send(f"projects/{project.pk}/approval", {"approve": False, "comment": "Warmer."})
    assert answer.status_code == 200
    return drive(project)


def test_the_rounds_of_a_phase(waiting: Project, editor: User, operator: User) -> None:
    worked_over(waiting, editor)
    said = client_of(operator).read(f"projects/{waiting.pk}/phases/draft/rounds").json()

    first, second = said["rounds"]
    assert (said["phase"], said["compared"]) == ("draft", None)
    assert (first["round"], first["is_present"], first["sent_back_because"]) == (1, False, ["Warmer."])
    assert [(each["key"], each["state"], len(each["result_sha256"])) for each in second["steps"]] == [
        ("text", "completed", 64),
        ("parts", "completed", 64),
    ]
    assert [each["state"] for each in first["approvals"] + second["approvals"]] == ["rejected", "open"]


def test_two_rounds_compared(waiting: Project, editor: User, operator: User) -> None:
    worked_over(waiting, editor)
    change(waiting)
    waiting.steps.filter(key="text", round=1).update(result="Hello!")
    said = client_of(operator).read(f"projects/{waiting.pk}/phases/draft/rounds?compare=1,2").json()["compared"]

    assert (said["first"], said["second"]) == (1, 2)
    text, parts = said["steps"]
    assert {"sign": "+", "text": "Goodbye!"} in text["lines"]
    assert parts["lines"] == []


@pytest.mark.parametrize(
    ("path", "status"), [("nothing/rounds", 404), ("draft/rounds?compare=1,9", 404), ("draft/rounds?compare=all", 422)]
)
def test_rounds_that_are_not_there(waiting: Project, operator: User, path: str, status: int) -> None:
    assert client_of(operator).read(f"projects/{waiting.pk}/phases/{path}").status_code == status


def test_the_rounds_of_anothers_project_are_not_found(waiting: Project, outsider: User) -> None:
    assert client_of(outsider).read(f"projects/{waiting.pk}/phases/draft/rounds").status_code == 404
    assert Approval.objects.filter(project=waiting).count() == 1
