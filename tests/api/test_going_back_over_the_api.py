"""Checkpoints, going back, running again, comparing, and snapshots of others, over the API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User

from projects.models import Checkpoint, ImportedSnapshot, Project
from projects.services import snapshots
from tests.api.conftest import BASE, client_of
from tests.builders import drive, look, open_approval, person


@pytest.fixture
def paused(waiting: Project, operator: User) -> Project:
    client_of(operator).send(f"projects/{waiting.pk}/pause", {"reason": "lunch"})
    return waiting


def test_checkpoints_are_listed_taken_and_read(waiting: Project, operator: User, owner: User) -> None:
    client = client_of(operator)
    taken = client.send(f"projects/{waiting.pk}/checkpoints", {"label": "before lunch"})

    assert (taken.status_code, taken.json()["occasion"], taken.json()["label"]) == (201, "request", "before lunch")
    listed = client.read(f"projects/{waiting.pk}/checkpoints").json()["results"]
    assert [(each["number"], each["occasion"]) for each in listed] == [(1, "start"), (2, "request")]
    read = client.read(f"projects/{waiting.pk}/checkpoints/2").json()
    assert read["holds"]["mark"]["phases"][0]["state"] == "waiting"
    assert client.read(f"projects/{waiting.pk}/checkpoints?limit=1").json()["next"]
    assert client_of(owner).send(f"projects/{waiting.pk}/checkpoints").status_code == 403


@pytest.mark.parametrize("number", ["9", "0", "x", "-1", "99999999999", "²"])
def test_a_checkpoint_that_is_not_there_is_a_404(paused: Project, operator: User, number: str) -> None:
    for path in (f"checkpoints/{number}", f"checkpoints/{number}/restore"):
        answer = client_of(operator).read(f"projects/{paused.pk}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "checkpoint_not_found")


def test_going_back_is_previewed_and_confirmed(paused: Project, operator: User) -> None:
    client = client_of(operator)
    asked = open_approval(paused)
    shown = client.read(f"projects/{paused.pk}/checkpoints/1/restore").json()

    assert [each["key"] for each in shown["steps_voided"]] == ["text", "parts"]
    assert [each["id"] for each in shown["approvals_lapsing"]] == [str(asked.pk)]
    body = {"digest": shown["digest"], "reason": "other facts"}
    done = client.send(f"projects/{paused.pk}/checkpoints/1/restore", body, Idempotency_Key="k1")
    again = client.send(f"projects/{paused.pk}/checkpoints/1/restore", body, Idempotency_Key="k1")

    assert done.status_code == 202, done.content
    told = done.json()
    assert (told["project"]["state"], told["project"]["directive"]) == ("running", "pause")
    assert told["project"]["open_approval"] is None
    assert told["before"]["occasion"] == "restore"
    assert again.json() == told
    assert [phase["round"] for phase in told["project"]["phases"]] == [2, 1]


def test_a_preview_that_is_not_true_any_more_is_a_conflict(paused: Project, operator: User) -> None:
    answer = client_of(operator).send(f"projects/{paused.pk}/checkpoints/1/restore", {"digest": "0" * 64})

    assert (answer.status_code, answer.json()["code"]) == (409, "project_changed")


def test_a_running_project_is_a_conflict_and_its_preview_says_so(waiting: Project, operator: User) -> None:
    client = client_of(operator)

    answer = client.send(f"projects/{waiting.pk}/checkpoints/1/restore")
    shown = client.read(f"projects/{waiting.pk}/checkpoints/1/restore").json()

    assert (answer.status_code, answer.json()["code"]) == (409, "refused_in_state")
    assert shown["obstacle"] == answer.json()["detail"]


@pytest.mark.django_db(transaction=True)  # what is committed together happened together
def test_going_back_to_an_event(paused: Project, operator: User) -> None:
    client = client_of(operator)
    event = client.read(f"projects/{paused.pk}/history?kind=step.completed").json()["results"][0]
    assert event["subject"] == "text"

    done = client.send(f"projects/{paused.pk}/checkpoints/1/restore", {"event": event["id"]})

    assert done.status_code == 202, done.content
    assert [each["key"] for each in done.json()["preview"]["steps_kept"]] == ["text"]
    wrong = client.send(f"projects/{paused.pk}/checkpoints/1/restore", {"event": 10**15})
    assert (wrong.status_code, wrong.json()["code"]) == (404, "event_not_found")


def test_a_damaged_checkpoint_is_a_conflict(paused: Project, operator: User) -> None:
    Checkpoint.objects.filter(project=paused, number=1).update(content=b"rubbish")

    for answer in (
        client_of(operator).read(f"projects/{paused.pk}/checkpoints/1"),
        client_of(operator).send(f"projects/{paused.pk}/checkpoints/1/restore"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "checkpoint_damaged")


def test_only_who_may_control_goes_back_and_only_with_what_they_saw(
    paused: Project, owner: User, outsider: User, operator: User
) -> None:
    path = f"projects/{paused.pk}/checkpoints/1/restore"
    assert client_of(owner).read(path).status_code == 200
    assert client_of(owner).send(path).status_code == 403
    assert client_of(outsider).read(path).status_code == 404
    client = client_of(operator)
    tag = client.read(f"projects/{paused.pk}")["ETag"]
    client.send(f"projects/{paused.pk}/resume")
    stale = client.send(path, If_Match=tag)
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")


# --- running again, comparing ------------------------------------------------------------------------------------


def test_a_project_is_run_again_from_a_step(waiting: Project, owner: User) -> None:
    client = client_of(owner)
    made = client.send(f"projects/{waiting.pk}/rerun", {"from_step": "parts"})

    assert made.status_code == 201, made.content
    new = Project.objects.get(pk=made.json()["id"])
    assert (new.rerun_of_id, new.state, made["Location"].endswith(str(new.pk))) == (waiting.pk, "running", True)
    steps = client.read(f"projects/{new.pk}/steps").json()["results"]
    assert {each["key"]: each["state"] for each in steps}["text"] == "completed"
    drive(new)

    compared = client.read(f"projects/{waiting.pk}/compare/{new.pk}").json()
    assert compared["b"]["rerun_of"] == str(waiting.pk)
    assert (compared["inputs"], compared["plan"], compared["findings"]) == ([], [], None)
    pairs = {each["key"]: each for each in compared["steps"]}
    assert pairs["text"]["b"]["carried"] is True
    assert pairs["text"]["differs"] == ["attempts"]
    assert pairs["parts"]["a"]["result_sha256"] == pairs["parts"]["b"]["result_sha256"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"from_step": "nobody"}, 404, "step_not_found"),
        ({"from_step": "post"}, 409, "refused_in_state"),
        ({"auto_approve": True}, 403, "forbidden"),
        ({"from": "text"}, 422, "fields_invalid"),
    ],
)
def test_what_cannot_be_run_again_makes_nothing(
    waiting: Project, owner: User, body: dict[str, Any], status: int, code: str
) -> None:
    answer = client_of(owner).send(f"projects/{waiting.pk}/rerun", body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert Project.objects.count() == 1


def test_only_what_one_may_see_is_run_again_or_compared(waiting: Project, outsider: User, operator: User) -> None:
    assert client_of(outsider).send(f"projects/{waiting.pk}/rerun").status_code == 404
    assert client_of(outsider).read(f"projects/{waiting.pk}/compare/{waiting.pk}").status_code == 404
    made = client_of(operator).send(f"projects/{waiting.pk}/rerun", {"start": False}).json()
    assert look(Project.objects.get(pk=made["id"])).state == "pending"


# --- snapshots of others -----------------------------------------------------------------------------------------


def test_a_snapshot_is_imported_once_and_read(waiting: Project, operator: User) -> None:
    client = client_of(operator)
    document = json.loads(json.dumps(snapshots.snapshot(project_id=waiting.pk)))

    first = client.send("snapshots", document)
    second = client.send("snapshots", document)

    assert (first.status_code, second.status_code) == (201, 200), first.content
    assert (first.json()["existing"], second.json()["existing"]) == (False, True)
    assert first.json()["id"] == second.json()["id"]
    assert first.json()["imported_by"] == "user:oskar"
    assert ImportedSnapshot.objects.count() == 1
    read = client.read(f"snapshots/{first.json()['id']}")
    assert read.json()["document"] == document
    assert [each["title"] for each in client.read("snapshots").json()["results"]] == ["Write a letter"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda d: d | {"format": "phasegate.snapshot/9"}, "snapshot_format_unknown"),
        (lambda d: d | {"project": d["project"] | {"title": "Another"}}, "snapshot_tampered"),
        (lambda d: {name: value for name, value in d.items() if name != "phases"}, "snapshot_refused"),
        (lambda _: [1], "snapshot_refused"),
        (lambda _: "{", "snapshot_refused"),
        (lambda _: '{"format": NaN}', "snapshot_refused"),
    ],
)
def test_what_is_no_snapshot_is_refused(waiting: Project, operator: User, change: Any, code: str) -> None:
    document = json.loads(json.dumps(snapshots.snapshot(project_id=waiting.pk)))

    answer = client_of(operator).send("snapshots", change(document))

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert not ImportedSnapshot.objects.exists()


def test_snapshots_are_for_those_who_may(waiting: Project, owner: User, editor: User, operator: User) -> None:
    document = snapshots.snapshot(project_id=waiting.pk)
    assert client_of(editor).send("snapshots", document).status_code == 403
    kept = client_of(operator).send("snapshots", document).json()["id"]
    assert client_of(editor).read(f"snapshots/{kept}").status_code == 403
    assert client_of(editor).read("snapshots").status_code == 403
    reader = client_of(person("rita", groups=["viewer"]))
    assert reader.read(f"snapshots/{kept}").status_code == 200
    assert reader.read("snapshots/0193a1f9-1d20-7c44-9a3e-7b1c52e0a9d4").status_code == 404
    assert reader.generic("POST", f"{BASE}/snapshots", data=b"\xff", content_type="application/json").status_code == 403
