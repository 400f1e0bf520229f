"""Signals, many projects at once, deadlines, and why a step waits, over REST."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from orchestrator_site import clock
from projects.models import Project, Signal
from projects.services import many
from tests.api.conftest import client_of
from tests.builders import as_actor, blueprint_of, child_of, drive, look, open_approval, person, project_of, states

pytestmark = pytest.mark.django_db(transaction=True)

WAITS = "phases: [{key: one, steps: [{key: arrived, kind: wait, wait: {signal: delivered}}]}]"


@pytest.fixture
def patient(owner: User) -> Project:
    """A project that waits for a signal."""
    return drive(project_of(WAITS, actor=as_actor(owner)))


# --- signals


def test_a_signal_is_sent_kept_and_listed_with_the_step_that_took_it(patient: Project, operator: User) -> None:
    client = client_of(operator)
    other = client.send(f"projects/{patient.pk}/signals", {"name": "other"})
    sent = client.send(f"projects/{patient.pk}/signals", {"name": "delivered", "payload": {"n": 3}, "key": "k"})
    drive(patient)

    assert (other.status_code, sent.status_code) == (201, 201)
    assert sent.json()["taken_by"] is None
    assert sent.json()["sender"] == "user:oskar"
    listed = client.read(f"projects/{patient.pk}/signals").json()["results"]
    assert [(each["name"], each["taken_by"]) for each in listed] == [("delivered", "arrived"), ("other", None)]
    for query, names in (("name=other", ["other"]), ("standing=taken", ["delivered"]), ("standing=waiting", ["other"])):
        found = client.read(f"projects/{patient.pk}/signals?{query}").json()["results"]
        assert [each["name"] for each in found] == names
    assert look(patient).state == "completed"


def test_the_same_key_is_answered_with_the_signal_that_was_sent(patient: Project, operator: User) -> None:
    client = client_of(operator)
    body = {"name": "other", "payload": None, "key": "k"}
    first, again = (client.send(f"projects/{patient.pk}/signals", body) for _ in range(2))
    clash = client.send(f"projects/{patient.pk}/signals", body | {"payload": 1})

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert (clash.status_code, clash.json()["code"]) == (409, "signal_key_taken")


def test_the_same_request_with_an_idempotency_key_sends_one(patient: Project, operator: User) -> None:
    client = client_of(operator)
    for _ in range(2):
        assert client.send(f"projects/{patient.pk}/signals", {"name": "x"}, idempotency_key="k").status_code == 201
    assert Signal.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "Not A Name"}, "name"),
        ({"name": "x", "to": "y"}, "to"),
        ({"name": "x", "key": "k" * 201}, "key"),
    ],
)
def test_a_signal_that_says_nothing_is_refused(patient: Project, operator: User, body: Any, field: str) -> None:
    answer = client_of(operator).send(f"projects/{patient.pk}/signals", body)

    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == [field]


def test_a_payload_that_is_too_large_is_refused(patient: Project, operator: User) -> None:
    answer = client_of(operator).send(f"projects/{patient.pk}/signals", {"name": "x", "payload": "x" * 70_000})
    assert (answer.status_code, answer.json()["code"]) == (422, "signal_invalid")


def test_a_signal_asks_for_the_right_and_for_a_project_that_one_sees(patient: Project, owner: User) -> None:
    path, body = f"projects/{patient.pk}/signals", {"name": "delivered"}
    assert client_of(None).send(path, body).status_code == 401
    assert client_of(owner).send(path, body).status_code == 403
    assert client_of(owner).read(path).status_code == 200
    blind = client_of(person("bob", may=["control_project"]))
    assert blind.send(path, body).status_code == blind.read(path).status_code == 404
    assert not Signal.objects.exists()


def test_a_project_that_is_over_takes_no_signal(patient: Project, operator: User) -> None:
    client = client_of(operator)
    client.send(f"projects/{patient.pk}/cancel")
    answer = client.send(f"projects/{patient.pk}/signals", {"name": "delivered"})
    assert (answer.status_code, answer.json()["code"]) == (409, "refused_in_state")


# --- many at once


def test_many_projects_are_steered_each_with_its_own_result(patient: Project, waiting: Project, operator: User) -> None:
    client = client_of(operator)
    nowhere = clock.new_id()
    answer = client.send("projects/pause", {"ids": [str(patient.pk), str(waiting.pk), str(nowhere)], "reason": "r"})

    assert answer.status_code == 200, answer.content
    results = {each["id"]: each for each in answer.json()["results"]}
    assert results[str(patient.pk)] == {
        "id": str(patient.pk), "done": True, "state": "running", "directive": "pause", "code": None, "message": None,
    }  # fmt: skip
    assert results[str(nowhere)]["code"] == "project_not_found"
    assert look(waiting).directive == "pause"

    assert client.send("projects/resume", {"filter": {}}).json()["left"] == 0
    assert look(waiting).directive == look(patient).directive == "run"
    by_blueprint = client.send("projects/cancel", {"filter": {"blueprint": "letter"}, "force": True}).json()
    assert [each["state"] for each in by_blueprint["results"]] == ["cancelled"]
    assert look(patient).state == "running"
    assert client.send("projects/cancel", {"filter": {"owner": "nobody"}}).json() == {"results": [], "left": 0}


def test_what_was_made_to_begin_later_is_started_alone_or_with_others(owner: User, waiting: Project) -> None:
    client = client_of(owner)
    made = [client.send("projects", {"blueprint": "letter", "start": False, "key": key}).json()["id"] for key in "abc"]
    assert set(Project.objects.filter(pk__in=made).values_list("state", flat=True)) == {"pending"}

    answer = client.send(f"projects/{made[0]}/start")
    assert (answer.status_code, answer.json()["state"]) == (202, "running")
    again = client.send(f"projects/{made[0]}/start")
    assert (again.status_code, again.json()["code"]) == (409, "refused_in_state")

    results = client.send("projects/start", {"ids": made}).json()["results"]
    assert [(each["done"], each["state"]) for each in sorted(results, key=lambda each: made.index(each["id"]))] == [
        (False, None),
        (True, "running"),
        (True, "running"),
    ]
    assert client.send("projects/start", {"ids": made, "reason": "now"}).status_code == 422
    assert client_of(person("ella", may=["view_project"])).send("projects/start", {"filter": {}}).status_code == 403


@pytest.mark.parametrize(
    "body", [{}, {"ids": []}, {"ids": ["x"]}, {"ids": [], "filter": {}}, {"filter": {"title": "x"}}]
)
def test_nothing_named_is_not_everything(patient: Project, operator: User, body: Any) -> None:
    assert client_of(operator).send("projects/cancel", body).status_code == 422
    assert look(patient).state == "running"


def test_many_ask_for_the_right(patient: Project, owner: User) -> None:
    for verb in ("pause", "resume", "cancel"):
        assert client_of(None).send(f"projects/{verb}", {"filter": {}}).status_code == 401
        assert client_of(owner).send(f"projects/{verb}", {"filter": {}}).status_code == 403


def test_of_those_one_does_not_see_none_is_reached(patient: Project) -> None:
    blind = client_of(person("bob", may=["control_project"]))
    assert blind.send("projects/pause", {"filter": {}}).json()["results"] == []
    [outcome] = blind.send("projects/pause", {"ids": [str(patient.pk)]}).json()["results"]
    assert (outcome["done"], outcome["code"]) == (False, "project_not_found")


def test_a_batch_says_how_many_are_left(
    patient: Project, waiting: Project, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "MOST", 1)
    client = client_of(operator)
    lefts = [client.send("projects/pause", {"filter": {}}).json()["left"] for _ in range(3)]
    assert lefts == [1, 0, 0]


def test_the_same_batch_with_its_key_is_done_once(patient: Project, operator: User) -> None:
    client = client_of(operator)
    first = client.send("projects/pause", {"filter": {}}, idempotency_key="k")
    client.send(f"projects/{patient.pk}/resume")
    again = client.send("projects/pause", {"filter": {}}, idempotency_key="k")

    assert again.json() == first.json()
    assert look(patient).directive == "run"


# --- pauses


def test_a_paused_project_tells_how_far_it_is_drained(patient: Project, operator: User) -> None:
    client = client_of(operator)
    assert client.read(f"projects/{patient.pk}/progress").json()["drained_at"] is None
    client.send(f"projects/{patient.pk}/pause")
    told = client.read(f"projects/{patient.pk}/progress").json()

    assert (told["running_at_pause"], told["draining"]) == (0, 0)
    assert told["drained_at"] is not None
    assert "by oskar, drained at" in told["next_action"]
    assert client.read(f"projects/{patient.pk}").json()["drained_at"] is not None


def test_a_child_is_found_by_its_project_and_the_project_by_its_child(operator: User) -> None:
    blueprint_of(f"name: child\nversion: 1\ntitle: C\n{WAITS}")
    project = drive(
        project_of("phases: [{key: one, steps: [{key: below, kind: project, project: {blueprint: child}}]}]")
    )
    child = child_of(project, "below")
    client = client_of(operator)

    assert client.read(f"projects/{child.pk}").json()["parent"] == {"project": str(project.pk), "step": "below"}
    assert client.read(f"projects/{project.pk}").json()["parent"] is None
    [found] = client.read(f"projects?parent={project.pk}").json()["results"]
    assert found["id"] == str(child.pk)


# --- deadlines


def test_a_deadline_is_given_in_words_and_told_as_a_moment(owner: User, letter: str) -> None:
    client = client_of(owner)
    made = client.send("projects", {"blueprint": letter, "deadline": "2h"}).json()
    project = Project.objects.get(pk=made["id"])

    assert project.deadline is not None
    assert timedelta(minutes=119) < project.deadline - project.created_at <= timedelta(minutes=121)
    assert made["deadline"].startswith(f"{project.deadline:%Y-%m-%dT%H:%M}")
    wrong = client.send("projects", {"blueprint": letter, "deadline": "soon"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "deadline_invalid")


# --- why


def test_every_step_that_waits_says_why(operator: User) -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: arrived, kind: wait, wait: {signal: delivered, for: 2h}}
                  - {key: cooling, kind: wait, wait: {for: 2h}}
                  - {key: consent, kind: approval, approval: {title: May we?, approvers: {groups: [legal]}}}
                  - {key: ready, agent: api-echo}
                  - {key: done, agent: api-echo}
                  - {key: after, agent: api-echo, needs: [arrived, cooling]}
              - key: two
                title: Later
                steps: [{key: last, agent: api-echo}]
            """
        ),
        steps=0,
    )
    client = client_of(operator)
    listed = client.read(f"projects/{project.pk}/steps").json()["results"]
    why = {each["key"]: each["why"] for each in listed}

    assert why["arrived"].startswith("arrived waits for the signal 'delivered' since ")
    assert "`signal_project`" in why["arrived"]
    assert why["cooling"].startswith("cooling waits until ")
    assert why["consent"].startswith("Waits for legal to decide 'May we?' since ")
    assert why["ready"] == "ready is ready, but no worker of pool 'cpu' is alive. Start workers: `make up`."
    assert why["after"].startswith("after needs arrived, cooling to be through, and waits since ")
    assert why["last"] == "The phase of last begins when 'One' has passed its gate."
    assert {each["kind"] for each in listed} == {"agent", "wait", "approval"}
    assert client.read(f"projects/{project.pk}/steps/cooling").json()["why"] == why["cooling"]

    drive(project, steps=1)
    assert client.read(f"projects/{project.pk}/steps/ready").json()["why"] is None
    assert states(project)["ready"] == "completed"


def test_projects_that_wait_are_told_apart_among_the_stuck(operator: User) -> None:
    blueprint_of(f"name: child\nversion: 1\ntitle: C\n{WAITS}")

    def one(step: str) -> Project:
        return drive(project_of(f"phases: [{{key: one, steps: [{{key: a, {step}}}]}}]"))

    expected = {
        "signal": one("kind: wait, wait: {signal: go, for: 9h}"),
        "timer": one("kind: wait, wait: {for: 9h}"),
        "child": one("kind: project, project: {blueprint: child}"),
        "approval": one("kind: approval, approval: {title: t}"),
    }
    items = one('kind: wait, for_each: "[1]", wait: {signal: go}')
    found = client_of(operator).read("projects/stuck?quiet=0&limit=50").json()["results"]
    causes = {each["id"]: each["cause"] for each in found}

    assert {cause: causes[str(project.pk)] for cause, project in expected.items()} == {
        cause: cause for cause in expected
    }
    assert causes[str(items.pk)] == "signal"


def test_an_approval_tells_what_it_is_for(operator: User) -> None:
    project = drive(
        project_of("phases: [{key: one, steps: [{key: consent, kind: approval, approval: {title: May we?}}]}]")
    )
    told = client_of(operator).read(f"approvals/{open_approval(project).pk}").json()
    assert (told["purpose"], told["step"], told["phase"]) == ("step", "consent", "one")


def test_of_several_open_approvals_the_project_names_them(operator: User, admin: User) -> None:
    project = drive(
        project_of(
            "phases: [{key: one, steps: "
            "[{key: a, kind: approval, approval: {title: A}}, {key: b, kind: approval, approval: {title: B}}]}]"
        )
    )
    client = client_of(admin)
    answer = client.send(f"projects/{project.pk}/approval", {"approve": True})
    assert (answer.status_code, answer.json()["code"]) == (409, "refused_in_state")
    assert "waits for 2 approvals" in answer.json()["detail"]
