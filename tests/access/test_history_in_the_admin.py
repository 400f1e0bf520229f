"""The admin shows events to those who may read history, and does nothing else with them."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client

from orchestrator_site.access.roles import Role
from orchestrator_site.history import services as history
from orchestrator_site.history.models import Event
from tests.access.conftest import Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def event() -> int:
    return history.append(uuid4(), "step.completed", actor="user:alice", subject="brief", data={"n": "<b>loud"})


def login(user: object) -> Client:
    client = Client()
    client.force_login(user)  # type: ignore[arg-type]
    return client


def test_an_auditor_reads(person: Person, event: int) -> None:
    client = login(person("vera", Role.VIEWER, is_staff=True))
    listed = client.get("/admin/history/event/?q=step.comp")
    page = client.get(f"/admin/history/event/{event}/change/")

    assert (listed.status_code, page.status_code) == (200, 200)
    assert "brief" in listed.content.decode()
    assert "not sealed yet" in page.content.decode()
    assert "<b>loud" not in page.content.decode()
    assert "&lt;b&gt;loud" in page.content.decode()


def test_nobody_adds_changes_or_removes(person: Person, event: int) -> None:
    client = login(person("root", is_superuser=True, is_staff=True))

    assert client.get("/admin/history/event/add/").status_code == 403
    assert client.post(f"/admin/history/event/{event}/change/", {"actor": "x"}).status_code == 403
    assert client.post(f"/admin/history/event/{event}/delete/", {"post": "yes"}).status_code == 403
    assert Event.objects.get(pk=event).actor == "user:alice"


def test_an_approver_sees_no_history(person: Person, event: int) -> None:
    assert login(person("anna", Role.APPROVER, is_staff=True)).get("/admin/history/event/").status_code == 403
