"""Lists: by pages, filtered, with fields chosen, at a known number of queries; what is stuck; days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orchestrator_site import clock
from projects.models import Project, Step, Worker
from projects.services import advancing
from tests.api.conftest import client_of
from tests.builders import claim, drive, person, ready_steps


def queries_of(act: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as caught:
        act()
    return len([query for query in caught if "SAVEPOINT" not in query["sql"]])


def ids(answer: Any) -> list[str]:
    return [row["id"] for row in answer.json()["results"]]


def test_the_list_is_read_page_by_page_in_both_directions(make: Callable[..., Project], operator: User) -> None:
    made = [str(make(operator, started=False).pk) for _ in range(7)][::-1]
    client = client_of(operator)

    first = client.read("projects?limit=3")
    second = client.get(first.json()["next"])
    third = client.get(second.json()["next"])

    assert ids(first) + ids(second) + ids(third) == made
    assert first.json()["previous"] is None
    assert third.json()["next"] is None
    back = client.get(third.json()["previous"])
    assert ids(back) == ids(second)
    assert ids(client.get(back.json()["previous"])) == ids(first)


@pytest.mark.parametrize("ordering", ["priority", "-priority", "title", "-title", "state", "created_at"])
def test_pages_of_any_ordering_show_each_project_once(
    make: Callable[..., Project], operator: User, ordering: str
) -> None:
    made = {
        str(make(operator, started=n % 2 == 0, title=f"T{n % 3}", priority=["low", "high"][n % 2]).pk) for n in range(6)
    }
    client = client_of(operator)
    seen: list[str] = []
    answer = client.read(f"projects?limit=2&ordering={ordering}")
    seen += ids(answer)
    while (following := answer.json()["next"]) is not None:
        answer = client.get(following)
        seen += ids(answer)

    assert len(seen) == len(made)
    assert set(seen) == made


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%00",
        "W10",
        "WzAsIi1jcmVhdGVkX2F0IixudWxsXQ",
        "WzAsIi1jcmVhdGVkX2F0IiwiXHVkODAwIl0",
        "WzAsIi1jcmVhdGVkX2F0IiwxZTk5OV0",
        "WzAsIi1jcmVhdGVkX2F0IiwiXHUwMDAwIl0",
        "a" * 3000,
    ],
)
def test_a_cursor_that_is_none_is_refused(operator: User, cursor: str) -> None:
    answer = client_of(operator).read(f"projects?cursor={cursor}")

    assert answer.status_code == 422
    assert answer.json()["code"] == "cursor_invalid"


def test_the_list_takes_the_same_number_of_queries_whatever_its_length(
    make: Callable[..., Project], operator: User
) -> None:
    client = client_of(operator)
    make(operator)
    few = queries_of(lambda: client.read("projects"))
    for _ in range(9):
        make(operator)
    assert len(client.read("projects").json()["results"]) == 10
    assert queries_of(lambda: client.read("projects")) == few


def test_steps_history_and_approvals_take_the_same_number_of_queries_whatever_their_length(
    make: Callable[..., Project], operator: User, owner: User
) -> None:
    client = client_of(operator)
    small, large = make(owner, started=False), drive(make(owner))
    for what in ("steps", "history", "state", "graph", "documents"):
        few = queries_of(lambda what=what: client.read(f"projects/{small.pk}/{what}"))
        many = queries_of(lambda what=what: client.read(f"projects/{large.pk}/{what}"))
        assert many <= few + 1, what
    few = queries_of(lambda: client.read("approvals"))
    drive(make(owner)), drive(make(owner))
    assert queries_of(lambda: client.read("approvals")) == few


def test_the_list_is_filtered(make: Callable[..., Project], operator: User, owner: User) -> None:
    mine = make(operator, title="Alpha beta", priority="high")
    other = make(owner, started=False, title="Gamma")
    client = client_of(operator)

    def found(query: str) -> set[str]:
        answer = client.read(f"projects?{query}")
        assert answer.status_code == 200, answer.content
        return set(ids(answer))

    both, hour = {str(mine.pk), str(other.pk)}, timedelta(hours=1)
    assert found("state=running") == {str(mine.pk)}
    assert found("state=running,pending") == found("state=running&state=pending") == both
    assert found("owner=olga") == {str(other.pk)}
    assert found("priority=high") == {str(mine.pk)}
    assert found("search=ALPHA") == {str(mine.pk)}
    assert found("blueprint=letter") == found("blueprint=letter@1") == both
    assert found("blueprint=letter@2") == found("blueprint=other") == set()
    assert found(f"created_after={quote((clock.now() - hour).isoformat())}") == both
    assert found(f"created_before={quote((clock.now() - hour).isoformat())}") == set()


@pytest.mark.parametrize(
    "query",
    [
        "state=nothing",
        "colour=red",
        "limit=0",
        "limit=1000",
        "limit=x",
        "ordering=inputs",
        "created_after=soon",
        "search=%00",
        "fields=secret",
        "priority=9",
    ],
)
def test_a_wrong_parameter_is_named(operator: User, query: str) -> None:
    answer = client_of(operator).read(f"projects?{query}")

    assert answer.status_code == 422, answer.content
    assert query.split("=")[0] in answer.content.decode()


def test_fields_are_chosen(waiting: Project, operator: User) -> None:
    client = client_of(operator)

    assert client.read("projects?fields=id,state").json()["results"] == [{"id": str(waiting.pk), "state": "running"}]
    assert set(client.read(f"projects/{waiting.pk}?fields=title&fields=phases").json()) == {"title", "phases"}


@pytest.mark.django_db(transaction=True)
def test_projects_that_do_not_move_say_why(
    waiting: Project, make: Callable[..., Project], operator: User, owner: User
) -> None:
    pending = make(owner, started=False)
    follower = make(owner, after=[pending.pk])
    unclaimed = make(owner)
    advancing.advance(unclaimed.pk)
    running = make(owner)
    advancing.advance(running.pk)
    assert claim(ready_steps(running)[0]) is not None
    paused = make(owner)
    unserved = make(owner)
    advancing.advance(unserved.pk)
    Step.objects.filter(project=unserved).update(pool="io")
    now = clock.now()
    Worker.objects.create(id=clock.new_id(), name="w", host="h", pid=1, pools=["cpu"], started_at=now, seen_at=now)
    client = client_of(operator)
    assert client.send(f"projects/{paused.pk}/pause").status_code == 202
    stuck = {row["id"]: row for row in client.read("projects/stuck?quiet=0").json()["results"]}

    assert {key: row["cause"] for key, row in stuck.items()} == {
        str(waiting.pk): "approval",
        str(pending.pk): "not_started",
        str(follower.pk): "predecessor",
        str(unclaimed.pk): "worker",
        str(unserved.pk): "pool",
        str(paused.pk): "paused",
    }
    assert "editors" in stuck[str(waiting.pk)]["next_action"]
    assert client.read("projects/stuck").json()["results"] == []  # not yet: a minute has not passed
    assert len(client.read("projects/stuck?quiet=0&limit=2").json()["results"]) == 2
    mine = client_of(person("nobody"))
    assert mine.read("projects/stuck?quiet=0").json()["results"] == []


def test_days_are_counted(waiting: Project, make: Callable[..., Project], operator: User, owner: User) -> None:
    done = drive(make(operator, auto_approve=True))
    assert done.state == "completed"
    yesterday = clock.now() - timedelta(days=1)
    Project.objects.filter(pk=waiting.pk).update(started_at=yesterday)
    client = client_of(operator)
    days = client.read("stats/daily").json()["results"]

    assert len(days) == 30
    assert (days[-1]["started"], days[-1]["completed"], days[-2]["started"], days[-2]["completed"]) == (1, 1, 1, 0)
    expected = (done.finished_at - done.started_at).total_seconds()  # type: ignore[operator]
    assert days[-1]["mean_seconds"] == pytest.approx(expected, abs=0.001)
    assert days[-2]["mean_seconds"] is None
    for wrong in (
        "since=2026-02-01&until=2026-01-01",
        "since=2020-01-01&until=2026-01-01",
        "since=never",
        "until=9999-12-31",
        "until=0001-01-02",
    ):
        assert client.read(f"stats/daily?{wrong}").status_code in (200, 422), wrong
