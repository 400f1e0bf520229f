"""The list of projects: whose they are, filters, search, pages, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from projects.models import Project
from projects.services import control
from tests.builders import agent_that, as_actor, drive, person, project_of
from tests.pages.asking import asking

pytestmark = pytest.mark.django_db
SMALL = "phases: [{key: only, steps: [{key: say, agent: echo}]}]"


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: None, "echo")


def titles(client: Client, query: str = "") -> list[str]:
    return [project.title for project, *_ in client.get(f"/{query}").context["rows"]]


def test_people_see_their_own_projects_and_readers_all(
    browser_of: Callable[[Any], Client], operator: Client, outsider: Client
) -> None:
    owner = person("owner")
    project_of(SMALL, title="Mine", actor=as_actor(owner))
    project_of(SMALL, title="Other")

    assert titles(browser_of(owner)) == ["Mine"]
    assert titles(operator) == ["Other", "Mine"]
    assert titles(outsider) == []
    assert b"There is no project yet." in outsider.get("/").content


def test_strangers_are_asked_to_log_in(client: Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 302
    assert "login" in answer["Location"]


def test_states_are_those_that_people_speak_of(operator: Client) -> None:
    person_ = as_actor(person("boss", is_superuser=True))
    drive(project_of(SMALL, title="Done"))
    asking(title="Asks")
    paused = project_of(SMALL, title="Held")
    control.pause(project_id=paused.pk, actor=person_)
    project_of(SMALL, title="New", started=False)
    project_of(SMALL, title="Goes")

    assert titles(operator, "?state=completed") == ["Done"]
    assert titles(operator, "?state=waiting") == ["Asks"]
    assert titles(operator, "?state=paused") == ["Held"]
    assert titles(operator, "?state=pending") == ["New"]
    assert titles(operator, "?state=running") == ["Goes", "Asks"]
    assert len(titles(operator, "?state=nonsense")) == 5
    assert [state for _, state, _ in operator.get("/").context["rows"]] == [
        "running",
        "pending",
        "paused",
        "waiting",
        "completed",
    ]


def test_a_project_is_found_by_words_and_by_id(operator: Client) -> None:
    found = project_of(SMALL, title="Call the suppliers", intent="cheaper steel")
    project_of(SMALL, title="Other")

    assert titles(operator, "?q=suppl") == ["Call the suppliers"]
    assert titles(operator, "?q=STEEL") == ["Call the suppliers"]
    assert titles(operator, f"?q={found.pk}") == ["Call the suppliers"]
    assert titles(operator, "?q=%25") == []
    assert b"No project fits." in operator.get("/?q=nothing").content


def test_pages_go_older_and_newer_and_keep_the_filter(operator: Client) -> None:
    for number in range(60):
        project_of(SMALL, title=f"P{number:02}", started=False)

    first = operator.get("/?state=pending")
    page = first.context["page"]
    assert [titles(operator)[0], len(titles(operator)), page.newer] == ["P59", 25, ""]
    second = operator.get(f"/?state=pending&before={page.older}")
    assert f"?state=pending&amp;before={page.older}" in first.content.decode()
    assert [project.title for project, *_ in second.context["rows"]][::24] == ["P34", "P10"]
    last = titles(operator, f"?before={second.context['page'].older}")
    assert last == [f"P{number:02}" for number in range(9, -1, -1)]
    back = titles(operator, f"?after={second.context['page'].newer}")
    assert back == titles(operator)
    assert len(titles(operator, "?before=nonsense")) == 25


def test_shares_are_those_of_the_projects_own_pages(operator: Client) -> None:
    from projects.services.progressing import progress

    asking(title="Asks")
    drive(project_of("phases: [{key: only, steps: [{key: a, agent: echo}, {key: b, agent: echo}]}]"), steps=1)

    for project, _, share in operator.get("/").context["rows"]:
        assert share == pytest.approx(progress(project_id=project.pk).share, abs=1e-4)


def test_a_project_that_ended_on_the_way_has_no_share(operator: Client) -> None:
    agent_that(lambda context: 1 / 0, "broken")
    once = "{key: a, agent: broken, retry: {max_attempts: 1}}"
    project = drive(project_of(f"phases: [{{key: only, steps: [{once}, {{key: b, agent: echo, needs: [a]}}]}}]"))

    assert project.state == "failed"
    assert [share for _, _, share in operator.get("/").context["rows"]] == [None]
    assert "<progress" not in operator.get("/").content.decode()
    assert "<progress" not in operator.get(f"/projects/{project.pk}/").content.decode()


def test_a_longer_list_costs_no_more_queries(operator: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            operator.get("/")
        return len(captured)

    project_of(SMALL)
    queries()
    first = queries()
    for _ in range(10):
        asking()

    assert queries() == first <= 12
    assert Project.objects.count() == 11
