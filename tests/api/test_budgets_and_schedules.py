"""Budgets and schedules over the API: who may see and change them, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_site.history import services as history
from projects.blueprints.load import load_text
from projects.models import Approval, Budget, Project, Schedule
from projects.services.registration import register_blueprint
from tests.api.conftest import client_of
from tests.api.test_no_body_breaks_it import FUZZ, JSON, TEXT, mostly, sound
from tests.api.test_the_openapi_document import operations, validator
from tests.builders import agent_that, drive, step

pytestmark = pytest.mark.django_db(transaction=True)

SPENDING = """
name: spending
version: 1
title: Spend
budgets: {cost: {soft: 1, hard: 10}}
phases:
  - key: one
    steps:
      - {key: a, agent: api-spender, estimate: {cost: 1}}
      - {key: b, agent: api-spender, needs: [a], estimate: {cost: 1}}
"""
NIGHTLY = {"name": "nightly", "blueprint": "letter", "crontab": "30 2 * * *", "timezone": "Europe/Berlin"}


@pytest.fixture
def spending(owner: User) -> Project:
    """Olga's project, which waits for a raise."""
    agent_that(lambda context: context.record_usage(cost=1.0), "api-spender")
    register_blueprint(loaded=load_text(SPENDING))
    made = client_of(owner).send("projects", {"blueprint": "spending"})
    assert made.status_code == 201, made.content
    return drive(Project.objects.get(pk=made.json()["id"]))


def schema_of(operation_id: str, status: str = "200") -> Any:
    told = next(told for _, _, told in operations() if told["operationId"] == operation_id)
    return validator(told["responses"][status]["content"]["application/json"]["schema"])


# --- budgets --------------------------------------------------------------------------------------------------------


def test_the_budgets_of_a_project_are_read_by_those_who_see_it(spending: Project, owner: User, outsider: User) -> None:
    answer = client_of(owner).read(f"projects/{spending.pk}/budgets")

    assert not list(schema_of("budgets_list").iter_errors(answer.json()))
    [found] = answer.json()["results"]
    assert (found["measure"], found["spent"], found["soft"], found["hard"]) == ("cost", 1.0, 1.0, 10.0)
    assert client_of(outsider).read(f"projects/{spending.pk}/budgets").status_code == 404
    progress = client_of(owner).read(f"projects/{spending.pk}/progress").json()
    assert progress["budgets"] == [found]
    assert not list(schema_of("projects_progress").iter_errors(progress))
    report = client_of(owner).read(f"projects/{spending.pk}/report?format=text").content.decode()
    assert "Budgets" in report
    assert "the project" in report


def test_an_operator_raises_a_limit_and_the_step_goes_on(spending: Project, operator: User, owner: User) -> None:
    address = f"projects/{spending.pk}/budgets/{Budget.objects.get().pk}"
    wish = {"soft": 5, "reason": "the client pays"}
    assert client_of(owner).call("PATCH", address, wish).status_code == 403

    answer = client_of(operator).call("PATCH", address, wish)

    assert answer.status_code == 200, answer.content
    assert not list(schema_of("budgets_change").iter_errors(answer.json()))
    assert (answer.json()["soft"], answer.json()["hard"]) == (5.0, 10.0)
    changed = history.events_of(spending.pk).get(kind="budget.changed")
    assert (changed.actor, changed.data["reason"]) == ("user:oskar", "the client pays")
    assert drive(spending).state == "completed"


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({}, 422),
        ({"reason": "none"}, 422),
        ({"soft": -1}, 422),
        ({"soft": "nan"}, 422),
        ({"soft": 1e15}, 422),
        ({"soft": 50}, 422),
        ({"soft": None, "hard": None}, 422),
        ({"raise_by": 0}, 422),
        ({"sfot": 5}, 422),
    ],
)
def test_limits_that_do_not_fit_are_refused(
    spending: Project, operator: User, wish: dict[str, Any], status: int
) -> None:
    answer = client_of(operator).call("PATCH", f"projects/{spending.pk}/budgets/{Budget.objects.get().pk}", wish)

    assert answer.status_code == status, answer.content
    assert float(Budget.objects.get().soft or 0) == 1.0
    assert Approval.objects.get().state == "open"


@pytest.mark.parametrize("number", ["0", "x", "99999999999999999999999", "²"])
def test_a_budget_that_is_not_there_is_not_found(spending: Project, operator: User, number: str) -> None:
    answer = client_of(operator).call("PATCH", f"projects/{spending.pk}/budgets/{number}", {"soft": 5})

    assert (answer.status_code, answer.json()["code"]) == (404, "budget_not_found")


def test_the_raise_is_decided_over_the_api_too(spending: Project, admin: User) -> None:
    answer = client_of(admin).send(
        f"projects/{spending.pk}/approval", {"verdict": "approve", "edits": {"raise_by": 2.5}}
    )

    assert answer.status_code == 200, answer.content
    assert float(Budget.objects.get().soft or 0) == 3.5
    refused = drive(spending)
    assert refused.state == "completed"


@pytest.mark.parametrize("by", [0, -3, "much", 1e13, None])
def test_a_raise_that_is_none_is_refused(spending: Project, admin: User, by: Any) -> None:
    answer = client_of(admin).send(
        f"projects/{spending.pk}/approval", {"verdict": "approve", "edits": {"raise_by": by}}
    )

    assert answer.status_code == 422, answer.content
    assert Approval.objects.get().state == "open"


def test_who_starts_a_project_gives_it_limits(owner: User, letter: str) -> None:
    client = client_of(owner)

    made = client.send("projects", {"blueprint": "letter", "budgets": {"cost": {"soft": 1, "hard": 2}}})
    wrong = client.send("projects", {"blueprint": "letter", "budgets": {"cost": {"soft": 3, "hard": 2}}})

    assert made.status_code == 201
    assert (wrong.status_code, wrong.json()["code"]) == (422, "budget_invalid")
    assert step(Project.objects.get(), "text").guarded


def test_what_waits_for_room_is_stuck_for_that_reason(spending: Project, admin: User) -> None:
    Approval.objects.update(state="void", finished_at=spending.created_at)

    [found] = client_of(admin).read("projects/stuck?quiet=0").json()["results"]

    assert found["cause"] == "room"
    assert "waits for a raise of the budget" in found["next_action"]


# --- schedules ------------------------------------------------------------------------------------------------------


def test_a_schedule_is_made_read_changed_and_removed(owner: User, letter: str) -> None:
    client = client_of(owner)

    made = client.send("schedules", NIGHTLY)
    assert made.status_code == 201, made.content
    assert not list(schema_of("schedules_create", "201").iter_errors(made.json()))
    address = f"schedules/{made.json()['id']}"
    assert made["Location"].endswith(address)
    assert (made.json()["owner"], made.json()["catch_up"]) == ("olga", "latest")

    assert client.read(address).json() == made.json()
    assert [each["name"] for each in client.read("schedules").json()["results"]] == ["nightly"]
    changed = client.call("PATCH", address, {"enabled": False, "crontab": "0 * * * *", "reason": "holidays"})
    assert (changed.json()["enabled"], changed.json()["crontab"]) == (False, "0 * * * *")
    assert client.delete(f"/api/v2/orchestrator/{address}").status_code == 204
    assert client.read(address).status_code == 404


def test_other_peoples_schedules_are_not_there(owner: User, outsider: User, operator: User, letter: str) -> None:
    pk = client_of(owner).send("schedules", NIGHTLY).json()["id"]

    assert client_of(outsider).read(f"schedules/{pk}").status_code == 404
    assert client_of(outsider).read("schedules").json()["results"] == []
    assert client_of(outsider).call("PATCH", f"schedules/{pk}", {"enabled": False}).status_code == 404
    assert client_of(operator).call("PATCH", f"schedules/{pk}", {"enabled": False}).status_code == 200


def test_who_may_not_start_projects_makes_no_schedule(editor: User, letter: str) -> None:
    assert client_of(editor).send("schedules", NIGHTLY).status_code == 403


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"crontab": "* * * *"}, "schedule_invalid"),
        ({"timezone": "Mars/Olympus"}, "schedule_invalid"),
        ({"blueprint": "none"}, "blueprint_not_found"),
        ({"blueprint": "../x.yaml"}, "fields_invalid"),
        ({"inputs": {"whom": 1}}, "inputs_invalid"),
        ({"catch_up": "some"}, "fields_invalid"),
        ({"owner": "ada"}, "fields_invalid"),
    ],
)
def test_what_could_never_start_anything_is_refused(
    owner: User, letter: str, change: dict[str, Any], code: str
) -> None:
    answer = client_of(owner).send("schedules", NIGHTLY | change)

    assert answer.json()["code"] == code
    assert not Schedule.objects.exists()


def test_a_name_is_taken_once_and_the_same_request_is_done_once(owner: User, letter: str) -> None:
    client = client_of(owner)

    first = client.send("schedules", NIGHTLY, Idempotency_Key="one")
    again = client.send("schedules", NIGHTLY, Idempotency_Key="one")
    other = client.send("schedules", NIGHTLY)

    assert first.json() == again.json()
    assert (other.status_code, other.json()["code"]) == (409, "schedule_name_taken")


SCHEDULE = st.fixed_dictionaries(
    {"name": mostly(TEXT), "blueprint": mostly(st.sampled_from(["letter", "reading"]))},
    optional={
        "crontab": mostly(
            st.sampled_from(["* * * * *", "0 0 30 2 *", "*/0 * * * *", "1-0 * * * *", "@daily", "0 0 * * 8"])
        ),
        "timezone": mostly(st.sampled_from(["UTC", "Europe/Berlin", "posixrules", "localtime", "/etc", ""])),
        "inputs": mostly(st.dictionaries(TEXT, JSON, max_size=2)),
        "catch_up": mostly(st.just("all")),
        "enabled": mostly(st.booleans()),
    },
)


@FUZZ
@given(body=SCHEDULE)
def test_no_schedule_breaks_it(admin: User, letter: str, reading: str, body: dict[str, Any]) -> None:
    sound(client_of(admin).send("schedules", json.dumps(body)))


@FUZZ
@given(body=st.dictionaries(st.sampled_from(["soft", "hard", "raise_by", "reason", "x"]), JSON, max_size=4))
def test_no_limit_breaks_it(spending: Project, admin: User, body: dict[str, Any]) -> None:
    pk = Budget.objects.get(project=spending).pk
    sound(client_of(admin).call("PATCH", f"projects/{spending.pk}/budgets/{pk}", json.dumps(body)))


@FUZZ
@given(body=JSON)
def test_no_budgets_of_a_new_project_break_it(admin: User, letter: str, body: Any) -> None:
    sound(client_of(admin).send("projects", json.dumps({"blueprint": "letter", "budgets": body})))
    sound(client_of(admin).send("projects", json.dumps({"blueprint": "letter", "budgets": {"cost": body}})))
