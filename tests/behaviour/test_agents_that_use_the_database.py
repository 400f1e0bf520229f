"""Agents that use the database of the site, and how they leave the connection that the engine goes on with."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction

from projects.models import Project
from tests.builders import agent_that, drive, look, project_of, states

pytestmark = pytest.mark.django_db(transaction=True)

TWO = "phases: [{key: p, steps: [{key: a, agent: uses}, {key: b, agent: after, needs: [a]}]}]"


def begins(_context: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        Group.objects.create(name="half")


def turns_autocommit_off(_context: Any) -> None:
    connection.set_autocommit(False)


def breaks_a_transaction(_context: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        try:
            cursor.execute("SELECT 1 / 0")
        except Exception:
            return


def closes(_context: Any) -> None:
    connection.close()


def is_well_behaved(_context: Any) -> None:
    with transaction.atomic():
        Group.objects.create(name="whole")


def seen_by_others(look_at: Callable[[], Any]) -> Any:
    """By another session, to which only what was committed is there."""
    found: list[Any] = []

    def look_once() -> None:
        found.append(look_at())
        connection.close()

    thread = threading.Thread(target=look_once)
    thread.start()
    thread.join(10)
    return found[0]


@pytest.mark.parametrize("uses", [begins, turns_autocommit_off, breaks_a_transaction, closes, is_well_behaved])
def test_however_one_leaves_it_what_comes_after_is_committed(uses: Callable[[Any], None]) -> None:
    agent_that(uses, "uses")
    agent_that(lambda context: 1, "after")
    project = drive(project_of(TWO))

    assert seen_by_others(lambda: states(project)) == {"a": "completed", "b": "completed"}
    assert seen_by_others(lambda: Project.objects.get(pk=project.pk).state) == "completed"
    assert look(project).state == "completed"
    assert connection.get_autocommit()
    kept = ["whole"] if uses is is_well_behaved else []
    assert (
        seen_by_others(lambda: list(Group.objects.filter(name__in=["half", "whole"]).values_list("name", flat=True)))
        == kept
    )
