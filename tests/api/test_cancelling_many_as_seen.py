"""A cancel of many over REST: a preview of which they are, and a confirmation that reaches no others."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from projects.models import Project
from projects.services import many
from tests.api.conftest import client_of
from tests.builders import as_actor, drive, look, project_of

pytestmark = pytest.mark.django_db(transaction=True)

ARRIVED = "{key: arrived, kind: wait, wait: {signal: delivered}}"
WAITS = f"phases: [{{key: one, steps: [{ARRIVED}, {{key: b, agent: x, needs: [arrived]}}]}}]"
PREVIEW, CANCEL = "projects/cancel/preview", "projects/cancel"


@pytest.fixture
def two(owner: User) -> list[Project]:
    return [drive(project_of(WAITS, actor=as_actor(owner))) for _ in range(2)]


def test_what_is_seen_is_ended_and_what_came_since_is_not(two: list[Project], operator: User, owner: User) -> None:
    client = client_of(operator)
    seen = client.send(PREVIEW, {"filter": {}})
    assert seen.status_code == 200, seen.content
    told = seen.json()
    assert [each["id"] for each in told["projects"]] == sorted(str(each.pk) for each in two)
    assert (told["undone"], told["running"], told["lapsing"], told["left"]) == (4, 0, 0, 0)
    assert [look(each).state for each in two] == ["running", "running"], "nothing is changed by looking"

    later = drive(project_of(WAITS, actor=as_actor(owner)))
    refused = client.send(CANCEL, {"filter": {}, "preview_digest": told["digest"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "project_changed")
    assert look(two[0]).directive == "run"

    ids = [str(each.pk) for each in two]
    again = client.send(PREVIEW, {"ids": ids}).json()
    assert again["digest"] == told["digest"], "they are the same, and stand as they stood"
    ended = client.send(CANCEL, {"ids": ids, "preview_digest": again["digest"], "reason": "closed"})
    assert [each["done"] for each in ended.json()["results"]] == [True, True]
    assert [look(each).state for each in two] == ["cancelled", "cancelled"]
    assert look(later).state == "running"


def test_a_project_that_was_paused_since_is_another_than_was_seen(two: list[Project], operator: User) -> None:
    client = client_of(operator)
    digest = client.send(PREVIEW, {"filter": {}}).json()["digest"]
    client.send(f"projects/{two[0].pk}/pause")

    assert client.send(CANCEL, {"filter": {}, "preview_digest": digest}).status_code == 409
    assert {look(each).state for each in two} == {"running"}


def test_of_more_than_one_call_takes_those_that_were_shown_are_ended(
    two: list[Project], operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "MOST", 1)
    client = client_of(operator)
    told = client.send(PREVIEW, {"filter": {}}).json()
    assert ([each["id"] for each in told["projects"]], told["left"]) == ([str(min(each.pk for each in two))], 1)

    ended = client.send(CANCEL, {"filter": {}, "preview_digest": told["digest"]}).json()
    assert ([each["id"] for each in ended["results"]], ended["left"]) == ([str(min(each.pk for each in two))], 1)


def test_who_may_not_cancel_may_not_look(two: list[Project], owner: User) -> None:
    assert client_of(None).send(PREVIEW, {"filter": {}}).status_code == 401
    assert client_of(owner).send(PREVIEW, {"filter": {}}).status_code == 403
    assert client_of(owner).send(PREVIEW, {}).status_code in (403, 422)
