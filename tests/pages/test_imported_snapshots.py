"""The pages of imported snapshots: who may look, what they show, and that nothing in them steers the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.test import Client
from django.urls import reverse

from orchestrator_site.access.actors import system_actor
from orchestrator_site.digests import digest_of
from projects.models import ImportedSnapshot, Project
from projects.models.approval import Verdict
from projects.services import approvals, importing, snapshots
from tests.builders import approver, drive, person
from tests.pages.asking import EVIL, asked, asking

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept() -> ImportedSnapshot:
    project = asking("marketing")
    who = approver("mara", "marketing")
    approvals.decide(approval_id=asked(project).pk, user=who, verdict=Verdict.APPROVE, comment="Go on.", via="test")
    document = snapshots.snapshot(project_id=drive(project).pk)
    Project.objects.all().delete()  # it ran elsewhere
    return importing.import_snapshot(document=document, actor=system_actor()).snapshot


def text_of(answer: Any) -> str:
    return BeautifulSoup(answer.content, "html.parser").get_text(" ", strip=True)


def test_it_shows_phases_steps_approvals_and_history(kept: ImportedSnapshot, operator: Client) -> None:
    answer = operator.get(reverse("dashboard:imported", args=[kept.pk]))
    text = text_of(answer)

    assert answer.status_code == 200
    for told in ("Drafting", "Publishing", "write", "Approve the draft", "mara", "Go on.", "Phase completed"):
        assert told in text, told
    assert "0 events of its history are sealed" in text
    assert EVIL.encode() not in answer.content
    assert b"<script>alert" not in answer.content
    listed = operator.get(reverse("dashboard:imported-list"))
    assert reverse("dashboard:imported", args=[kept.pk]) in listed.content.decode()


def test_only_those_who_may_read_every_project_see_it(
    kept: ImportedSnapshot, outsider: Client, anna: Client, client: Client
) -> None:
    for address in (reverse("dashboard:imported", args=[kept.pk]), reverse("dashboard:imported-list")):
        assert outsider.get(address).status_code == 404
        assert anna.get(address).status_code == 404
        assert client.get(address).status_code == 302


def test_one_that_was_changed_is_not_shown(kept: ImportedSnapshot, operator: Client) -> None:
    ImportedSnapshot.objects.filter(pk=kept.pk).update(content=b"rubbish")

    answer = operator.get(reverse("dashboard:imported", args=[kept.pk]))

    assert answer.status_code == 422
    assert "is not what was imported" in text_of(answer)
    assert operator.get(reverse("dashboard:imported", args=["0193a1f9-1d20-7c44-9a3e-7b1c52e0a9d4"])).status_code == 404


def test_odd_documents_that_fit_the_schema_are_shown(operator: Client) -> None:
    """The document comes from elsewhere: phases that steps do not know, moments that are none, items without lists."""
    document = json.loads(json.dumps(snapshots.snapshot(project_id=asking("marketing").pk)))
    other = "00000000-0000-7000-8000-000000000000"
    document["steps"][0]["phase_id"] = other
    document["steps"][-1] |= {"parent_id": other, "started_at": "2026-02-30T00:00:00Z"}
    document["approvals"][0]["phase_id"] = other
    del document["history_chain"]
    body = {name: value for name, value in document.items() if name not in ("format", "taken_at", "sha256")}
    kept = importing.import_snapshot(document=document | {"sha256": digest_of(body)}, actor=system_actor()).snapshot

    answer = operator.get(reverse("dashboard:imported", args=[kept.pk]))

    assert answer.status_code == 200
    assert "came without a chain" in text_of(answer)


def test_the_admin_lists_checkpoints_and_snapshots(kept: ImportedSnapshot, browser_of: Callable[[Any], Client]) -> None:
    project = asking("marketing")
    ada = browser_of(person("ada", is_staff=True, is_superuser=True))

    checkpoints = ada.get("/admin/projects/checkpoint/")
    snapshots_ = ada.get("/admin/projects/importedsnapshot/")

    assert str(project.title) in checkpoints.content.decode()
    assert reverse("dashboard:imported", args=[kept.pk]) in snapshots_.content.decode()
    number = project.checkpoints.get().pk
    assert ada.get(f"/admin/projects/checkpoint/{number}/change/").status_code == 200
    assert ada.get(f"/admin/projects/importedsnapshot/{kept.pk}/change/").status_code == 200


def test_the_list_of_projects_leads_there_where_there_is_something_and_who_may(
    operator: Client, anna: Client, kept: ImportedSnapshot
) -> None:
    there = reverse("dashboard:imported-list").encode()

    assert there in operator.get(reverse("dashboard:projects")).content
    assert there not in anna.get(reverse("dashboard:projects")).content
    kept.delete()
    assert there not in operator.get(reverse("dashboard:projects")).content
