"""A look with a real browser: the policy refuses nothing, no script throws, and a project's page follows its project.

Skipped where no Chromium is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from projects.models.approval import Verdict
from projects.services import approvals
from tests.builders import approver, drive
from tests.pages.asking import asked, asking
from tests.pages.chromium import PROGRAM, Browser, chromium
from tests.pages.test_page_hygiene import changed, worked_over

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed"),
]


@pytest.fixture
def eve() -> Any:
    """Somebody who may do everything."""
    return approver("eve", "marketing", is_superuser=True, is_staff=True)


@pytest.fixture
def browser(tmp_path: Path, live_server: Any, eve: Any) -> Iterator[Browser]:
    """A browser in which eve is logged in."""
    client = Client()
    client.force_login(eve)
    with chromium(tmp_path) as tab:
        tab.log_in(live_server.url, client.cookies["sessionid"].value)
        yield tab


def test_every_page_is_shown_without_a_complaint(browser: Browser, live_server: Any) -> None:
    project = asking("marketing", form=True, title="Shown")
    approval = asked(project)
    addresses = [
        "/",
        "/inbox/",
        reverse("dashboard:project", args=[project.pk]),
        reverse("dashboard:report", args=[project.pk]),
        reverse("dashboard:approval", args=[approval.pk]),
        reverse("dashboard:approval", args=[changed(asking("marketing")).pk]),
        reverse("dashboard:rounds", args=[worked_over().pk, "draft"]),
        "/admin/",
        reverse("admin:projects_approval_change", args=[approval.pk]),
        reverse("admin:projects_project_change", args=[project.pk]),
    ]

    for address in addresses:
        browser.go(f"{live_server.url}{address}")
        assert browser.run("getComputedStyle(document.body).fontFamily") != "Times New Roman", address
        assert browser.run("document.documentElement.scrollWidth <= innerWidth"), address

    assert browser.complaints == []


def test_a_projects_page_follows_it_without_being_loaded_again(browser: Browser, live_server: Any, eve: Any) -> None:
    project = asking("marketing")
    browser.go(f"{live_server.url}{reverse('dashboard:project', args=[project.pk])}")
    browser.run("window.stayed = true")
    assert "waiting" in browser.run("document.querySelector('[data-part=standing]').innerText")

    approvals.decide(approval_id=asked(project).pk, user=eve, verdict=Verdict.APPROVE, via="test")
    drive(project)

    standing = browser.run(
        "new Promise((done) => { const look = () => {"
        " const words = document.querySelector('[data-part=standing]').innerText;"
        " words.includes('completed') ? done(words) : setTimeout(look, 50); }; look();"
        " setTimeout(() => done('still ' + document.querySelector('[data-part=standing]').innerText), 15000); })"
    )
    assert "still" not in standing
    assert browser.run("window.stayed")
    assert "nothing is left to do" in browser.run("document.querySelector('[aria-live=polite]').innerText")
    assert browser.complaints == []


def test_an_approval_is_decided_with_the_keyboard_alone(browser: Browser, live_server: Any) -> None:
    project = asking("marketing")
    browser.go(f"{live_server.url}{reverse('dashboard:approval', args=[asked(project).pk])}")

    for _ in range(40):
        browser.press("Tab", 9)
        if browser.run("document.activeElement.value") == "approve":
            break
    assert browser.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.press("Enter", 13, text="\r")
    browser.wait_for_page()

    assert "Approved. The project goes on." in browser.run("document.querySelector('.message').innerText")
    assert drive(project).state == "completed"
