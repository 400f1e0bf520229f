"""Interventions in the admin: read by those who see the project, and changed by nobody."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from projects import orchestrator
from projects.models import Intervention
from tests.builders import agent_that, as_actor, drive, person, project_of

pytestmark = pytest.mark.django_db

LIST = "/admin/projects/intervention/"


def browser(*groups: str) -> Client:
    client = Client()
    client.force_login(person("someone", groups=groups, is_staff=True))
    return client


@pytest.fixture
def made() -> Intervention:
    agent_that(lambda context: 1, "echo")
    project = drive(project_of("phases: [{key: one, steps: [{key: a, agent: echo}, {key: b, agent: echo}]}]"), steps=0)
    oskar = as_actor(person("oskar", groups=["operator"]))
    return orchestrator.intervene(
        project, "skip", "b", result="<b>a stand-in</b>\u202e", actor=oskar, reason="it is <late>"
    )


def page(made: Intervention) -> str:
    return reverse("admin:projects_intervention_change", args=[made.pk])


def test_who_sees_projects_sees_what_was_changed_of_them_and_by_whom(made: Intervention) -> None:
    client = browser("viewer")
    listed, shown = client.get(LIST), client.get(page(made))

    assert (listed.status_code, shown.status_code) == (200, 200)
    assert "skip b" in listed.content.decode()
    assert "user:oskar" in listed.content.decode()
    body = shown.content.decode()
    assert "it is &lt;late&gt;" in body
    assert "&lt;b&gt;a stand-in" in body
    assert "<b>a stand-in" not in body


def test_nobody_adds_changes_or_deletes_one(made: Intervention) -> None:
    client = browser("admin")

    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(page(made), {"reason": "another"}).status_code == 403
    assert (
        client.post(reverse("admin:projects_intervention_delete", args=[made.pk]), {"post": "yes"}).status_code == 403
    )
    made.refresh_from_db()
    assert made.reason == "it is <late>"


def test_an_approver_finds_none(made: Intervention) -> None:
    assert browser("approver").get(LIST).status_code == 403
