"""Pause, resume, cancel and DELETE; on what one has seen (`If-Match`), and once (`Idempotency-Key`)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.db.models.functions import Now

from orchestrator_site.api.idempotency import _lock
from orchestrator_site.history import services as history
from projects.models import Decision, Project
from projects.models.idempotency import IdempotencyRecord
from tests.api.conftest import BASE, client_of
from tests.builders import drive, kinds, look, open_approval, person


def test_a_project_is_paused_and_resumed_with_a_reason(waiting: Project, operator: User) -> None:
    client = client_of(operator)
    paused = client.send(f"projects/{waiting.pk}/pause", {"reason": "the lawyer is away"})
    resumed = client.send(f"projects/{waiting.pk}/resume")

    assert (paused.status_code, paused.json()["directive"]) == (202, "pause")
    assert (resumed.status_code, resumed.json()["directive"]) == (202, "run")
    event = history.events_of(waiting.pk).get(kind="project.paused")
    assert (event.actor, event.data["reason"]) == ("user:oskar", "the lawyer is away")


def test_a_project_is_cancelled(waiting: Project, operator: User) -> None:
    answer = client_of(operator).send(f"projects/{waiting.pk}/cancel", {"reason": "not needed", "force": True})

    assert answer.status_code == 202, answer.content
    assert answer.json()["state"] == "cancelled"


def test_deleting_cancels_and_removes_nothing(waiting: Project, operator: User) -> None:
    client = client_of(operator)
    events = len(kinds(waiting))
    answer = client.call("DELETE", f"projects/{waiting.pk}?reason=gone")

    assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
    assert look(waiting).state == "cancelled"
    assert len(kinds(waiting)) > events
    again = client.call("DELETE", f"projects/{waiting.pk}")
    assert (again.status_code, again.json()["code"]) == (409, "refused_in_state")


@pytest.mark.parametrize(
    ("verb", "before"), [("resume", "run"), ("pause", "pause"), ("resume", "over"), ("cancel", "over")]
)
def test_what_cannot_be_done_now_is_a_conflict(waiting: Project, operator: User, verb: str, before: str) -> None:
    client = client_of(operator)
    if before == "pause":
        client.send(f"projects/{waiting.pk}/pause")
    if before == "over":
        client.send(f"projects/{waiting.pk}/cancel")
    answer = client.send(f"projects/{waiting.pk}/{verb}")

    assert (answer.status_code, answer.json()["code"]) == (409, "refused_in_state")


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel"])
def test_steering_asks_for_the_right_and_for_a_project_that_one_sees(
    waiting: Project, owner: User, editor: User, operator: User, verb: str
) -> None:
    assert client_of(None).send(f"projects/{waiting.pk}/{verb}").status_code == 401
    for user in (owner, editor):
        assert client_of(user).send(f"projects/{waiting.pk}/{verb}").status_code == 403
    blind = person("bob", may=["control_project"])
    assert client_of(blind).send(f"projects/{waiting.pk}/{verb}").status_code == 404
    assert client_of(operator).send(f"projects/{waiting.pk}/{verb}", {"why": "x"}).status_code == 422
    assert look(waiting).directive == "run"


@pytest.mark.parametrize("what", ["", "/state", "/progress"])
def test_steering_goes_by_what_one_has_seen(waiting: Project, operator: User, what: str) -> None:
    client = client_of(operator)
    seen = client.read(f"projects/{waiting.pk}{what}")["ETag"]
    client.send(f"projects/{waiting.pk}/pause")
    stale = client.send(f"projects/{waiting.pk}/cancel", if_match=seen)
    deleted = client.call("DELETE", f"projects/{waiting.pk}", if_match=seen)
    now = client.read(f"projects/{waiting.pk}{what}")["ETag"]

    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert deleted.status_code == 412
    assert look(waiting).state == "running"
    assert client.send(f"projects/{waiting.pk}/resume", if_match=f'"other", {now}').status_code == 202
    assert client.send(f"projects/{waiting.pk}/pause", if_match="*").status_code == 202
    assert client.send(f"projects/{waiting.pk}/resume", if_match="garbage").status_code == 412


def test_a_step_that_ended_meanwhile_is_no_reason_to_refuse_a_pause(
    make: Callable[..., Project], operator: User
) -> None:
    project = drive(make(operator), steps=0)
    client = client_of(operator)
    seen = client.read(f"projects/{project.pk}/state")["ETag"]
    drive(project, steps=1)

    assert client.read(f"projects/{project.pk}/state")["ETag"] != seen
    assert client.send(f"projects/{project.pk}/pause", if_match=seen).status_code == 202


# --- Idempotency-Key


def test_the_same_request_with_its_key_is_done_once_and_answered_the_same(owner: User, letter: str) -> None:
    client = client_of(owner)
    body = {"blueprint": letter, "title": "Once"}
    first = client.send("projects", body, idempotency_key="k-1")
    again = client.send("projects", body, idempotency_key="k-1")
    other = client.send("projects", body, idempotency_key="k-2")

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 201)
    assert again.json() == first.json()
    assert again["Location"] == first["Location"]
    assert again["Idempotency-Replayed"] == "true"
    assert Project.objects.count() == 2


def test_an_answer_is_replayed_as_it_was_though_the_project_has_moved(waiting: Project, operator: User) -> None:
    client = client_of(operator)
    first = client.send(f"projects/{waiting.pk}/pause", {"reason": "r"}, idempotency_key="k")
    client.send(f"projects/{waiting.pk}/resume")
    again = client.send(f"projects/{waiting.pk}/pause", {"reason": "r"}, idempotency_key="k")

    assert (again.status_code, again.json()) == (202, first.json())
    assert look(waiting).directive == "run"


def test_a_decision_with_its_key_is_decided_once(waiting: Project, editor: User) -> None:
    client = client_of(editor)
    path = f"approvals/{open_approval(waiting).pk}/decisions"
    answers = [client.send(path, {"approve": True}, idempotency_key="k").status_code for _ in range(3)]

    assert answers == [200, 200, 200]
    assert Decision.objects.count() == 1


def test_a_key_with_another_request_is_refused(owner: User, letter: str) -> None:
    client = client_of(owner)
    client.send("projects", {"blueprint": letter}, idempotency_key="k")
    answer = client.send("projects", {"blueprint": letter, "title": "Other"}, idempotency_key="k")

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert Project.objects.count() == 1


def test_a_form_with_another_boundary_is_the_same_request(owner: User, reading: str) -> None:
    def send(content: bytes) -> Any:
        file = SimpleUploadedFile("a.txt", content)
        return client_of(owner).post(
            f"{BASE}/projects",
            {"blueprint": reading, "document": file},
            format="multipart",
            HTTP_IDEMPOTENCY_KEY="k",
        )

    first, again = send(b"It shall work.\n"), send(b"It shall work.\n")
    assert (first.status_code, again.status_code, again["Idempotency-Replayed"]) == (201, 201, "true")
    assert send(b"It shall not.\n").status_code == 422
    assert Project.objects.count() == 1


def test_keys_of_two_users_are_apart(owner: User, outsider: User, letter: str) -> None:
    for user in (owner, outsider):
        assert client_of(user).send("projects", {"blueprint": letter}, idempotency_key="k").status_code == 201
    assert Project.objects.count() == 2


def test_what_was_refused_leaves_no_record_and_may_be_sent_again(waiting: Project, operator: User) -> None:
    client = client_of(operator)
    refused = client.send(f"projects/{waiting.pk}/resume", idempotency_key="k")
    client.send(f"projects/{waiting.pk}/pause")
    done = client.send(f"projects/{waiting.pk}/resume", idempotency_key="k")

    assert (refused.status_code, done.status_code) == (409, 202)


def test_keys_are_forgotten_after_a_day(owner: User, letter: str) -> None:
    client = client_of(owner)
    client.send("projects", {"blueprint": letter}, idempotency_key="k")
    IdempotencyRecord.objects.update(created_at=Now() - timedelta(hours=24, seconds=1))
    answer = client.send("projects", {"blueprint": letter}, idempotency_key="k")

    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer
    assert Project.objects.count() == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "ä", "a\tb"])
def test_a_key_that_is_none_is_refused(owner: User, letter: str, key: str) -> None:
    answer = client_of(owner).send("projects", {"blueprint": letter}, idempotency_key=key)

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_invalid")


@pytest.mark.django_db(transaction=True)
def test_of_two_requests_at_once_one_works_and_the_other_is_told_to_wait(owner: User, letter: str) -> None:
    """The first is held in the middle of its work, so that the second comes while the key is taken."""
    taken, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            _lock(owner.pk, "k")
            taken.set()
            release.wait(10)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert taken.wait(10)
    meanwhile = client_of(owner).send("projects", {"blueprint": letter}, idempotency_key="k")
    release.set()
    thread.join()
    after = client_of(owner).send("projects", {"blueprint": letter}, idempotency_key="k")

    assert (meanwhile.status_code, meanwhile.json()["code"]) == (409, "idempotency_in_progress")
    assert meanwhile["Retry-After"]
    assert after.status_code == 201
    assert Project.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_with_one_key_one_project_is_made(owner: User, letter: str) -> None:
    start, codes = threading.Barrier(4), []

    def send() -> None:
        client = client_of(owner)
        start.wait()
        codes.append(client.send("projects", {"blueprint": letter}, idempotency_key="k").status_code)
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(codes) <= {201, 409}
    assert 201 in codes
    assert Project.objects.count() == 1
