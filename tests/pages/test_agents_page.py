"""The page of agents: how each is, who can do what, and whose eyes it is for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents import transports
from agents.models import Agent
from agents.resilience import services as resilience
from agents.services import registration
from agents.shared_state import client as redis
from orchestrator_site.access.actors import system_actor
from tests.builders import person
from tests.pages.chromium import PROGRAM, chromium

pytestmark = pytest.mark.django_db
EVIL = "<b>all</b>\u202e"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing in Redis, and no transport that looks for the addresses of these agents."""
    monkeypatch.setattr(transports, "TRANSPORTS", {}, raising=False)
    _empty()
    yield
    _empty()


def _empty() -> None:
    resilience.close_desk()
    if keys := list(redis().scan_iter("phasegate:*agent*", count=1000)):
        redis().delete(*keys)


@pytest.fixture
def viewer(browser_of: Callable[[Any], Client]) -> Client:
    return browser_of(person("vera", groups=["viewer"]))


def made(name: str, *, state: str = "healthy", health: float = 1.0, load: float = 0.0, **given: Any) -> Agent:
    agent = registration.register(name=name, transport="http", settings={}, actor="system", **given).agent
    Agent.objects.filter(pk=agent.pk).update(state=state, health=health, load=load)
    return agent


def names(client: Client, query: str = "") -> list[str]:
    return [row.agent.name for row in client.get(f"/agents/{query}").context["rows"]]


def test_agents_are_shown_with_how_each_is_the_best_first(viewer: Client) -> None:
    made("ill", state="unhealthy", health=0.2)
    made("busy", load=0.9, capabilities={"a.b": "1.0"})
    made("idle")
    body = viewer.get("/agents/").content.decode()

    assert names(viewer) == ["idle", "busy", "ill"]
    soup = BeautifulSoup(body, "html.parser")
    row = next(each for each in soup.select("tbody tr") if "busy" in each.th.get_text())  # type: ignore[union-attr]
    assert [progress["value"] for progress in row.select("progress")] == ["100", "90"]
    assert "a.b" in row.get_text()
    assert {link["href"] for link in soup.select(".counts a")} == {"?state=healthy", "?state=unhealthy"}
    assert soup.select_one('nav a[aria-current="page"]')["href"] == "/agents/"  # type: ignore[index]


def test_they_are_found_by_what_they_can_do_in_which_version_by_name_and_by_state(viewer: Client) -> None:
    old = made("old", capabilities={"quote": "1.0"})
    made("new", capabilities={"quote": "2.0"}, state="degraded")
    made("left", capabilities={"quote": "1.0"}, state="gone")

    assert set(names(viewer, "?q=quote")) == {"old", "new"}
    assert names(viewer, "?q=quote&version=>=2") == ["new"]
    assert names(viewer, "?q=old") == ["old"]
    assert names(viewer, f"?q={old.pk}") == ["old"]
    assert names(viewer, "?state=degraded") == ["new"]
    assert names(viewer, "?state=gone&q=quote") == ["left"]
    assert names(viewer, "?q=left") == ["left"]
    assert names(viewer, "?q=nothing") == []
    assert set(names(viewer, "?state=nonsense")) == {"old", "new"}


def test_what_nobody_can_be_called_is_nobody(viewer: Client) -> None:
    made("old")

    assert names(viewer, "?q=%00") == ["old"]
    assert names(viewer, "?q=%ed%a0%80") == []


@pytest.mark.parametrize("query", ["?q=quote&version=newest", "?version=1", "?after=nonsense"])
def test_what_cannot_be_asked_is_told_on_the_page(viewer: Client, query: str) -> None:
    made("old", capabilities={"quote": "1.0"})
    answer = viewer.get(f"/agents/{query}")

    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()


def test_a_page_leads_to_the_next_and_keeps_the_question(viewer: Client) -> None:
    for number in range(60):
        made(f"a{number:02}", capabilities={"quote": "1.0"})

    seen, path = [], "?q=quote"
    while path:
        answer = viewer.get(f"/agents/{path}")
        seen += [row.agent.name for row in answer.context["rows"]]
        link = BeautifulSoup(answer.content, "html.parser").select_one('a[rel="next"]')
        path = str(link["href"]) if link else ""
        assert not path or "q=quote" in path
    assert sorted(seen) == [f"a{number:02}" for number in range(60)]


def test_nothing_in_a_name_is_run_or_hidden(viewer: Client) -> None:
    made("ill")
    Agent.objects.update(name=EVIL, version="<i>", region="<u>")
    body = viewer.get("/agents/").content.decode()

    assert "&lt;b&gt;all" in body
    assert "U+202E" in body
    assert not re.search(r"<b>all|<i>|<u>", body)


def test_a_circuit_that_is_not_closed_is_told(viewer: Client, django_capture_on_commit_callbacks: Any) -> None:
    agent = made("pricing")
    with django_capture_on_commit_callbacks(execute=True):
        resilience.force(str(agent.pk), "open", actor=system_actor(), reason="Wrong.")

    assert "forced open" in viewer.get("/agents/").content.decode()


def test_who_may_not_see_agents_is_refused_and_has_no_link(anna: Client, viewer: Client, client: Client) -> None:
    assert anna.get("/agents/").status_code == 403
    assert 'href="/agents/"' not in anna.get("/").content.decode()
    assert 'href="/agents/"' in viewer.get("/").content.decode()
    assert client.get("/agents/")["Location"].startswith("/login/")


def test_an_empty_registry_says_how_to_begin(viewer: Client) -> None:
    assert "register_agent" in viewer.get("/agents/").content.decode()


def test_many_agents_cost_no_more_queries_than_one(viewer: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            viewer.get("/agents/")
        return len(captured)

    made("one")
    queries()
    first = queries()
    for number in range(20):
        made(f"a{number}", capabilities={"quote": "1.0"})

    assert queries() == first <= 16


@pytest.mark.skipif(PROGRAM is None, reason="There is no Chromium here.")
@pytest.mark.django_db(transaction=True)
def test_it_reads_well_in_a_browser_wide_and_narrow(live_server: Any, tmp_path: Path) -> None:
    for number, state in enumerate(["healthy", "healthy", "degraded", "draining", "unhealthy"]):
        made(
            f"agent-{number}", state=state, health=1 - number / 6, load=number / 5,
            capabilities={"research.competitors": "1.2", "research.market": "2.0"},
        )  # fmt: skip
    client = Client()
    client.force_login(person("vera", groups=["viewer"]))
    with chromium(tmp_path / "profile") as browser:
        browser.log_in(live_server.url, client.cookies["sessionid"].value)
        for width in (1280, 390):
            browser.call(
                "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500
            )
            browser.go(f"{live_server.url}/agents/")
            assert browser.run("document.querySelectorAll('tbody tr').length") == 5
            assert browser.run("document.documentElement.scrollWidth <= window.innerWidth")
            _keep(browser, width)
    assert browser.complaints == []


def _keep(browser: Any, width: int) -> None:
    """The picture, where somebody wants to look at it: ``PHASEGATE_PICTURES`` names a folder."""
    import base64
    import os

    folder = os.environ.get("PHASEGATE_PICTURES")
    if folder:
        picture = browser.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        (Path(folder) / f"agents-{width}.png").write_bytes(base64.b64decode(picture["data"]))
