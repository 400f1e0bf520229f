"""What holds for every page: no inline script or style, labels, captions, headings in order, a way past the menu."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.test import Client
from django.urls import reverse

from agents import transports
from agents.services import registration
from orchestrator_site.access.actors import system_actor
from projects.models import Approval, Project, Step
from projects.models.approval import Verdict
from projects.services import advancing, approvals, importing, snapshots
from tests.builders import approver, drive, open_approval
from tests.pages.asking import EVIL, asked, asking

pytestmark = pytest.mark.django_db


def changed(project: Project) -> Approval:
    """What is asked again after the score was corrected."""
    project.steps.filter(key="write").update(result={"text": EVIL, "score": 0.9})
    advancing.advance(project.pk)
    return open_approval(project)


def worked_over() -> Project:
    """A project of two rounds."""
    project = asking("marketing", approval="on_reject: rework", gate="max_iterations: 3")
    user = approver("rita", "marketing")
    approvals.decide(
        approval_id=open_approval(project).pk, user=user, verdict=Verdict.REJECT, comment="Again.", via="test"
    )
    return drive(project)


def pages() -> dict[str, str]:
    project = asking("marketing", form=True, approval="deadline: 1h")
    step = Step.objects.filter(project=project).first()
    named = {name: reverse(f"dashboard:{name}", args=[project.pk]) for name in ("project", "steps", "report")}
    return {
        **named,
        "projects": "/",
        "agents": _agents(),
        "inbox": "/inbox/",
        "approval": reverse("dashboard:approval", args=[asked(project).pk]),
        "control": reverse("dashboard:control", args=[project.pk, "cancel"]),
        "step": reverse("dashboard:step", args=[project.pk, step.pk]),
        "rounds": reverse("dashboard:rounds", args=[worked_over().pk, "draft"]),
        "asked-again": reverse("dashboard:approval", args=[changed(asking("marketing")).pk]),
        "login": "/login/",
        "imported-list": "/imported/",
        "imported": _imported(project),
        "missing": "/projects/00000000-0000-0000-0000-000000000000/",
    }


def _agents() -> str:
    offers = {f"what.{number}": "1.0" for number in range(9)}
    registration.register(name="pricing", transport="http", settings={}, capabilities=offers, actor="system")
    return "/agents/"


def _imported(project: Project) -> str:
    document = snapshots.snapshot(project_id=project.pk)
    kept = importing.import_snapshot(document=document, actor=system_actor()).snapshot
    return reverse("dashboard:imported", args=[kept.pk])


@pytest.fixture(autouse=True)
def no_addresses_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transports, "TRANSPORTS", {}, raising=False)


@pytest.fixture
def everyone(browser_of: Callable[[Any], Client]) -> Client:
    """Somebody who may do all of it."""
    return browser_of(approver("eve", "marketing", is_superuser=True, is_staff=True))


NAMES = (
    "agents",
    "project",
    "steps",
    "report",
    "projects",
    "inbox",
    "approval",
    "control",
    "step",
    "rounds",
    "asked-again",
    "login",
    "missing",
    "imported-list",
    "imported",
)


@pytest.mark.parametrize("name", NAMES)
def test_every_page_is_sound(everyone: Client, name: str) -> None:
    answer = everyone.get(pages()[name])
    soup = BeautifulSoup(answer.content, "html.parser")

    assert answer.status_code == (404 if name == "missing" else 200)
    _check_policy(answer, soup)
    _check_structure(soup)
    _check_names(soup)


def _check_policy(answer: Any, soup: BeautifulSoup) -> None:
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert not soup.select("style, [style], script:not([src]), iframe, object")
    handlers = [name for tag in soup.find_all(True) for name in tag.attrs if name.startswith("on")]
    assert handlers == []
    assert not soup.select('[href^="javascript:"], [src^="http"], link[href^="http"]')


def _check_structure(soup: BeautifulSoup) -> None:
    assert soup.html is not None
    assert soup.html["lang"] == "en"
    assert len(soup.select("title")) >= 1
    assert soup.select_one("a.skip")["href"] == f"#{soup.select_one('main')['id']}"  # type: ignore[index]
    levels = [int(heading.name[1]) for heading in soup.select("h1, h2, h3, h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [tag["id"] for tag in soup.select("[id]")]
    assert sorted(set(ids)) == sorted(ids)


def _check_names(soup: BeautifulSoup) -> None:
    for field in soup.select("input:not([type=hidden]), select, textarea"):
        assert soup.select(f'label[for="{field.get("id")}"]'), field
    for table in soup.select("table:not(.laid)"):
        assert table.caption is not None, table
        assert all(cell.get("scope") for cell in table.select("th"))
    for region in soup.select('[role="region"]'):
        named = region.get("aria-label") or soup.find(id=region.get("aria-labelledby"))
        assert named, region
    for drawn in soup.select('svg:not([aria-hidden="true"]):not(.graph svg)'):
        assert drawn.get("role") == "img"
        assert drawn.title is not None
    for button in soup.select("button, a"):
        assert button.get_text(strip=True), button
    for progress in soup.select("progress"):
        assert progress.get("aria-label")


def test_references_of_labels_and_descriptions_lead_somewhere(everyone: Client) -> None:
    soup = BeautifulSoup(everyone.get(pages()["project"]).content, "html.parser")
    ids = {tag["id"] for tag in soup.select("[id]")}
    for attribute in ("aria-labelledby", "aria-describedby"):
        for tag in soup.select(f"[{attribute}]"):
            assert set(str(tag[attribute]).split()) <= ids
    used = {re.sub("^#", "", tag["href"]) for tag in soup.select("use")}
    assert used <= ids
