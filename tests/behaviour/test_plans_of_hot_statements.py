"""What a step costs does not grow with what runs beside it: the planner reaches its rows by their keys alone."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection

from orchestrator_site.access.actors import system_actor
from projects import orchestrator, sql
from projects.models import Project, Step
from projects.services import batching, control, execution
from tests import planner
from tests.builders import agent_that, look, project_of, step

pytestmark = pytest.mark.django_db(transaction=True)

CROWD = 400
WIDE = (
    *("project_by_state", "step_published", "step_by_lease_owner", "Seq Scan on projects_"),
    *("step_key_is_unique_in_its_round", "step_live_by_project"),
)
"""Ways by which everything that is in a state would be read, or every step of a project."""


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Each statement that is run, with the plans that the server makes for it."""
    found: dict[str, str] = {}
    real = sql._run

    def run(cursor: Any, name: str, params: Any) -> None:
        with psycopg.Cursor(cursor.connection) as beside:
            beside.execute("EXPLAIN " + sql.statement(name), params)
            found[name] = "\n".join([found.get(name, ""), *(row[0] for row in beside.fetchall())])
        real(cursor, name, params)

    monkeypatch.setattr(sql, "_run", run)
    monkeypatch.setattr(psycopg.Connection, "pipeline", lambda _: contextlib.nullcontext())
    return found


@pytest.fixture(params=["known", "unknown"])
def crowd(request: pytest.FixtureRequest) -> Callable[[Project], None]:
    """Many projects that run, of which the server's statistics tell, or know nothing yet."""
    return functools.partial(_crowd, known=request.param == "known")


def _crowd(pattern: Project, *, known: bool) -> None:
    with connection.cursor() as cursor:
        planner.knows_nothing(cursor)
        columns = ", ".join(field.column for field in Project._meta.concrete_fields if field.name != "id")
        cursor.execute(
            f"INSERT INTO projects_project (id, {columns}) SELECT gen_random_uuid(), {columns} FROM projects_project, "
            f"generate_series(1, {CROWD}) WHERE projects_project.id = %s",
            [pattern.pk],
        )
        if known:
            cursor.execute("ANALYZE")


def test_every_statement_of_a_small_project_names_its_rows_by_keys(
    plans: dict[str, str], crowd: Callable[[Project], None]
) -> None:
    agent_that(lambda context: 1, "echo")
    agent_that(lambda context: [1, 2, 3], "items")
    steps = "{key: a, agent: echo}, {key: b, agent: echo, needs: [a]}, {key: c, agent: echo, needs: [b]}"
    project = project_of(f"phases: [{{key: one, steps: [{steps}]}}]", started=False)
    crowd(project_of("phases: [{key: one, steps: [{key: a, agent: echo}]}]"))
    plans.clear()

    control.start(project_id=project.pk, actor=system_actor())
    execution.run_leg(project.pk, [step(project, key).pk for key in "abc"], may_finish=True)

    assert look(project).state == "completed"
    assert {
        "begin",
        "mark",
        "enter_phase",
        "steps_at_hand",
        "make_ready",
        "claim",
        "complete",
        "finish",
    } <= plans.keys()
    wide = {name: plan for name, plan in plans.items() if any(way in plan for way in WIDE)}
    assert not wide, "\n\n".join(f"{name}\n{plan}" for name, plan in wide.items())


def test_so_does_every_statement_of_a_batch(plans: dict[str, str], crowd: Callable[[Project], None]) -> None:
    agent_that(lambda context: 1, "echo")
    project = project_of("phases: [{key: one, steps: [{key: a, agent: echo}, {key: b, agent: echo}]}]")
    crowd(project_of("phases: [{key: one, steps: [{key: a, agent: echo}]}]"))
    plans.clear()

    batching.run_packed(project.pk, list(Step.objects.filter(project=project).values_list("pk", flat=True)))

    assert sql.rows("still_run", projects=[project.pk]), "a batch that lasts asks whether its projects still run"

    for name in ("complete_batch", "still_run"):
        assert not [way for way in WIDE if way in plans[name]], plans[name]


def test_so_does_every_statement_of_a_bundle(plans: dict[str, str], crowd: Callable[[Project], None]) -> None:
    agent_that(lambda context: 1, "echo")
    steps = "{key: a, agent: echo}, {key: b, agent: echo, needs: [a]}"
    projects = [project_of(f"phases: [{{key: one, steps: [{steps}]}}]", started=False) for _ in range(5)]
    crowd(project_of("phases: [{key: one, steps: [{key: a, agent: echo}]}]"))
    plans.clear()

    orchestrator.start_together(projects)
    batching.run_bundle([batching.Leg(each.pk, tuple(step(each, key).pk for key in "ab")) for each in projects])

    assert [look(project).state for project in projects] == ["completed"] * 5
    assert {"begin", "mark", "keep_checkpoints", "enter_phase", "complete_batch", "finish"} <= plans.keys()
    plans.pop("lanes", None)  # of the worker processes, which are few, all are meant
    wide = {name: plan for name, plan in plans.items() if any(way in plan for way in WIDE)}
    assert not wide, "\n\n".join(f"{name}\n{plan}" for name, plan in wide.items())
