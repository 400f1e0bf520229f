"""Interventions over the API: preview, confirm, list; on what one has seen, once, and with the right."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projects.blueprints.load import load_text
from projects.models import Intervention, Project
from projects.services.registration import register_blueprint
from tests.api.conftest import BLUEPRINT, client_of
from tests.api.test_the_openapi_document import document, operations, validator
from tests.builders import drive, look, open_approval, person, states

SKIP = {"change": "skip", "step": "post", "arguments": {"result": "by pigeon"}}
ADD = {
    "change": "add",
    "arguments": {"definition": {"key": "check", "agent": "api-echo"}, "before": "post"},
    "reason": "the lawyer wants to see it",
}


def path(project: Project, more: str = "") -> str:
    return f"projects/{project.pk}/interventions{more}"


def test_a_preview_is_shown_and_confirmed_by_its_digest(waiting: Project, operator: User) -> None:
    client = client_of(operator)
    preview = client.send(path(waiting, "/preview"), SKIP)
    made = client.send(path(waiting), SKIP | {"preview_digest": preview.json()["digest"], "reason": "the post is shut"})

    assert preview.status_code == 200, preview.content
    assert preview.json()["voided"] == ["post"]
    assert [each["title"] for each in preview.json()["lapsing"]] == ["Approve the letter"]
    assert made.status_code == 201, made.content
    body = made.json()
    assert (body["state"], body["step"], body["author"], body["reason"]) == (
        "applied",
        "post",
        "user:oskar",
        "the post is shut",
    )
    assert (body["plan_before"], body["plan_after"], body["difference"]) == (1, 2, preview.json()["difference"])
    assert states(waiting)["post"] == "skipped"
    listed = client.read(path(waiting)).json()["results"]
    assert [each["id"] for each in listed] == [body["id"]]


def test_a_step_is_added_by_values_or_by_yaml(waiting: Project, operator: User) -> None:
    client = client_of(operator)
    yaml = {"definition": "key: seal\nagent: api-echo\n", "after": "post"}

    assert client.send(path(waiting), ADD).status_code == 201
    assert client.send(path(waiting), {"change": "add", "arguments": yaml}).status_code == 201
    assert {"check", "seal"} <= set(states(waiting))
    kept = [each["arguments"]["definition"] for each in client.read(path(waiting)).json()["results"]]
    assert kept == [{"key": "seal", "agent": "api-echo"}, {"key": "check", "agent": "api-echo"}]


def test_a_project_that_has_changed_since_the_preview_is_a_conflict(waiting: Project, operator: User) -> None:
    client = client_of(operator)
    digest = client.send(path(waiting, "/preview"), SKIP).json()["digest"]
    client.send(path(waiting), ADD)
    answer = client.send(path(waiting), SKIP | {"preview_digest": digest})

    assert (answer.status_code, answer.json()["code"]) == (409, "project_changed")
    assert states(waiting)["post"] == "pending"
    again = client.send(path(waiting, "/preview"), SKIP).json()["digest"]
    assert again not in answer.content.decode(), "it is for those who have looked"
    assert client.send(path(waiting), SKIP | {"preview_digest": again}).status_code == 201


REFUSED = [
    ({"change": "retry", "step": "text"}, 409, "step_not_failed", "Restore a checkpoint"),
    ({"change": "modify", "step": "text", "arguments": {"agent": "x"}}, 409, "phase_is_over", ""),
    ({"change": "remove", "step": "post"}, 409, "step_still_needed", "Skip it instead"),
    ({"change": "modify", "step": "post", "arguments": {"agent": "api-echo"}}, 409, "nothing_changes", ""),
    ({"change": "skip", "step": "posst"}, 404, "step_not_in_plan", "Did you mean 'post'?"),
    ({"change": "skip"}, 422, "edit_invalid", "Say which step to skip."),
    ({"change": "skip", "step": "post", "arguments": {"resul": 1}}, 422, "edit_invalid", "Did you mean 'result'?"),
    ({"change": "burn", "step": "post"}, 422, "fields_invalid", ""),
    ({"change": "skip", "step": "post", "why": 1}, 422, "fields_invalid", "There is no such field."),
    ({"change": "skip", "step": "post", "arguments": 3}, 422, "fields_invalid", "Give a JSON object."),
    ({"change": "skip", "step": "post", "preview_digest": "x"}, 422, "fields_invalid", ""),
]


@pytest.mark.parametrize(
    ("body", "status", "code", "said"), REFUSED, ids=[code + str(n) for n, (_, _, code, _) in enumerate(REFUSED)]
)
def test_what_cannot_be_done_says_why_and_changes_nothing(
    waiting: Project, operator: User, body: dict[str, Any], status: int, code: str, said: str
) -> None:
    answer = client_of(operator).send(path(waiting), body)

    if code == "phase_is_over":  # its phase waits, so that the step itself is what is over
        code = "step_has_started"
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert said in answer.json()["detail"]
    assert (Intervention.objects.count(), look(waiting).plan_version) == (0, 1)


def test_the_mistakes_of_a_step_come_with_their_places(waiting: Project, operator: User) -> None:
    client = client_of(operator)
    wrong = {"definition": "key: x\nagnt: y\ntimeout: soon\n", "phase": "send"}
    answer = client.send(path(waiting), {"change": "add", "arguments": wrong})

    assert (answer.status_code, answer.json()["code"]) == (422, "step_invalid")
    told = [(each["field"], each["line"], each["column"]) for each in answer.json()["errors"]]
    assert told == [("agnt", 2, 1), ("timeout", 3, 10)]
    assert answer.json()["errors"][0]["hint"] == "Did you mean 'agent'?"


def test_it_asks_for_the_right_and_for_a_project_that_one_sees(
    waiting: Project, owner: User, editor: User, operator: User
) -> None:
    for more in ("", "/preview"):
        assert client_of(None).send(path(waiting, more), SKIP).status_code == 401
        for user in (owner, editor):
            assert client_of(user).send(path(waiting, more), SKIP).status_code == 403
    blind = person("bob", may=["intervene"])
    assert client_of(blind).send(path(waiting), SKIP).status_code == 404
    assert client_of(blind).read(path(waiting)).status_code == 404
    assert client_of(owner).read(path(waiting)).status_code == 200
    assert Intervention.objects.count() == 0


def test_it_goes_by_what_one_has_seen(waiting: Project, operator: User) -> None:
    client = client_of(operator)
    seen = client.read(f"projects/{waiting.pk}")["ETag"]
    client.send(path(waiting), ADD)
    stale = client.send(path(waiting), SKIP, if_match=seen)
    now = client.read(f"projects/{waiting.pk}")["ETag"]

    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert client.send(path(waiting), SKIP, if_match=now).status_code == 201


def test_the_same_request_with_its_key_is_done_once(waiting: Project, operator: User) -> None:
    client = client_of(operator)
    first = client.send(path(waiting), ADD, idempotency_key="k")
    again = client.send(path(waiting), ADD, idempotency_key="k")

    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert Intervention.objects.count() == 1


def test_where_the_blueprint_wants_it_approved_it_is_accepted_and_not_yet_made(
    operator: User, make: Callable[..., Project]
) -> None:
    asks = BLUEPRINT.replace("version: 1", "version: 2\nplan_changes: {approval: {title: Change it?}}")
    register_blueprint(loaded=load_text(asks))
    project = drive(make(operator))
    answer = client_of(operator).send(path(project), SKIP)

    assert (answer.status_code, answer.json()["state"], answer.json()["plan_after"]) == (202, "proposed", None)
    approval = project.approvals.get(purpose="plan")
    assert answer.json()["approval"] == str(approval.pk)
    shown = client_of(operator).read(f"approvals/{approval.pk}").json()
    assert "Step post: skipped" in [each["label"] for each in shown["evidence"]]


def test_a_cancel_is_previewed_and_confirmed(waiting: Project, operator: User, owner: User) -> None:
    client = client_of(operator)
    preview = client.read(f"projects/{waiting.pk}/cancel/preview")
    stale = client.send(f"projects/{waiting.pk}/cancel", {"preview_digest": "0" * 64})
    done = client.send(f"projects/{waiting.pk}/cancel", {"preview_digest": preview.json()["digest"]})

    assert preview.status_code == 200, preview.content
    assert (preview.json()["control"], preview.json()["voided"]) == ("cancel", ["post"])
    assert preview.json()["lapsing"][0]["id"] in (None, str(waiting.approvals.get().pk))
    assert (stale.status_code, stale.json()["code"]) == (409, "project_changed")
    assert (done.status_code, done.json()["state"]) == (202, "cancelled")
    assert client.read(f"projects/{waiting.pk}/cancel/preview").status_code == 409
    assert client_of(owner).read(f"projects/{waiting.pk}/cancel/preview").status_code == 403


@pytest.mark.parametrize(
    "operation_id", ["interventions_list", "interventions_preview", "interventions_make", "projects_cancel_preview"]
)
def test_real_answers_fit_their_schemas(waiting: Project, operator: User, operation_id: str) -> None:
    client = client_of(operator)
    method, place, told = next(each for each in operations() if each[2]["operationId"] == operation_id)
    if operation_id == "interventions_list":
        client.send(path(waiting), ADD)
    answer = client.call(method, place.format(project_id=waiting.pk), None if method == "GET" else SKIP)

    assert answer.status_code < 300, answer.content
    schema = told["responses"][str(answer.status_code)]["content"]["application/json"]["schema"]
    assert not [error.message for error in validator(schema).iter_errors(answer.json())]
    assert document()["openapi"]


TEXT = st.one_of(st.text(max_size=12), st.sampled_from(["post", "text", "parts", "send", "\0", "a[1]", "${results.q}"]))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 10**20), st.floats(), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=8,
)
STEP = st.fixed_dictionaries(
    {"key": st.one_of(TEXT, st.sampled_from(["x", "post"])), "agent": st.one_of(st.just("api-echo"), JSON)},
    optional={"needs": JSON, "params": JSON, "when": TEXT, "for_each": TEXT, "timeout": JSON, "odd": JSON},
)
BODY = st.fixed_dictionaries(
    {"change": st.one_of(st.sampled_from(["retry", "skip", "modify", "add", "remove", "reorder"]), TEXT)},
    optional={
        "step": st.one_of(TEXT, JSON),
        "arguments": st.one_of(
            JSON,
            st.fixed_dictionaries(
                {},
                optional={
                    "definition": st.one_of(STEP, TEXT, JSON),
                    **{
                        name: st.one_of(TEXT, JSON)
                        for name in ("before", "after", "phase", "needs", "agent", "timeout")
                    },
                    **dict.fromkeys(("result", "params", "retry"), JSON),
                },
            ),
        ),
        "reason": st.one_of(TEXT, JSON),
        "preview_digest": st.one_of(TEXT, st.just("0" * 64)),
    },
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(body=BODY, more=st.sampled_from(["", "/preview"]))
def test_no_change_breaks_it(waiting: Project, operator: User, body: dict[str, Any], more: str) -> None:
    if more:
        body = {name: value for name, value in body.items() if name not in ("reason", "preview_digest")}
    answer = client_of(operator).send(path(waiting, more), json.dumps(body))

    assert answer.status_code < 500, answer.content
    if answer.status_code >= 400:
        assert answer.json()["code"] != "internal"


def test_an_open_approval_stays_the_projects_after_the_change(waiting: Project, operator: User) -> None:
    before = open_approval(waiting)
    client_of(operator).send(path(waiting), ADD)
    drive(waiting)

    assert open_approval(waiting).pk != before.pk
    assert client_of(operator).read(f"projects/{waiting.pk}").json()["open_approval"] == str(open_approval(waiting).pk)
