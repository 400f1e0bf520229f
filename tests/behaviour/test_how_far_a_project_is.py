"""How far a project is: by how long its steps took in earlier runs, with a range for what is left."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import F

from orchestrator_site import clock
from projects import sql
from projects.models import Attempt, Project, Step
from projects.reports.durations import left_in_words
from projects.services.progressing import Progress, progress
from tests import planner
from tests.builders import agent_that, claim, drive, project_of, step

pytestmark = pytest.mark.django_db(transaction=True)

TWO = """
phases:
  - key: one
    steps:
      - {key: quick, agent: echo}
      - {key: slow, agent: echo, needs: [quick]}
"""


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: context.params.get("say"), "echo")


def ran(yaml: str = TWO, **seconds: float) -> Project:
    """An earlier run whose steps took so long."""
    project = drive(project_of(yaml))
    for key, took in seconds.items():
        Attempt.objects.filter(step__project=project, step__key=key).update(
            started_at=F("finished_at") - timedelta(seconds=took)
        )
    return project


def now(project: Project) -> Progress:
    return progress(project_id=project.pk)


def running_for(project: Project, key: str, seconds: float) -> None:
    claim(step(project, key))
    Step.objects.filter(project=project, key=key).update(started_at=clock.now() - timedelta(seconds=seconds))


def test_the_share_is_of_the_work_and_what_is_left_has_a_range() -> None:
    for slow in (250, 300, 350, 300):
        ran(quick=10, slow=slow)
    project = drive(project_of(TWO), steps=1)

    told = now(project)

    assert told.share == pytest.approx(10 / 310, abs=1e-3)
    assert told.eta == pytest.approx(300, abs=1)
    assert told.eta_low is not None
    assert told.eta_high is not None
    assert told.eta_low < 300 < told.eta_high


def test_what_is_left_shrinks_while_a_step_runs_and_never_comes_to_nothing() -> None:
    ran(quick=10, slow=300)
    project = drive(project_of(TWO), steps=1)
    left = []
    running_for(project, "slow", 100)
    for passed in (100, 200, 299, 600):
        Step.objects.filter(project=project, key="slow").update(started_at=clock.now() - timedelta(seconds=passed))
        left.append(now(project).eta)

    assert left == [pytest.approx(each, abs=2) for each in (200, 100, 75, 150)]


def test_what_is_tried_again_counts_by_the_attempt_that_was_completed() -> None:
    calls: list[int] = []

    def fails_once(context: Any) -> str:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("no")
        return "done"

    agent_that(fails_once, "shaky")
    yaml = "phases: [{key: p, steps: [{key: a, agent: shaky, retry: {base: 0, cap: 0}}]}]"
    ran(yaml, a=20)
    project = project_of(yaml)

    assert now(project).eta == pytest.approx(20, abs=1)


def test_items_of_a_list_are_expected_to_take_what_items_took() -> None:
    yaml = 'phases: [{key: p, steps: [{key: many, agent: echo, for_each: "[1, 2, 3, 4]", max_parallel: 1}]}]'
    earlier = ran(yaml)
    Attempt.objects.filter(step__project=earlier, step__parent__key="many").update(
        started_at=F("finished_at") - timedelta(seconds=30)
    )
    project = drive(project_of(yaml), steps=1)

    assert now(project).share == pytest.approx(0.25, abs=1e-3)
    assert now(project).eta == pytest.approx(90, abs=1)


def test_of_a_project_that_failed_no_share_is_told() -> None:
    def breaks(context: Any) -> None:
        raise ValueError("no")

    agent_that(breaks, "breaks")
    project = drive(project_of("phases: [{key: p, steps: [{key: a, agent: breaks, retry: {max_attempts: 1}}]}]"))
    out = StringIO()
    call_command("project_status", str(project.pk), "--progress", stdout=out)

    assert (now(project).share < 0.5, now(project).eta) == (True, 0.0)
    assert "Phases: failed after" in out.getvalue()
    assert "% done" not in out.getvalue()


def test_earlier_runs_are_found_by_keys_however_many_steps_there_are() -> None:
    ran()
    asked = {"blueprint": "under-test", "keys": ["quick", "slow"], "runs": 20, "among": 1000}
    with planner.large_tables() as cursor:
        cursor.execute("EXPLAIN " + sql.statement("earlier_durations"), asked)
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "project_by_state" in plan
    assert "step_key_is_unique_in_its_round" in plan
    assert "attempt_number_is_unique" in plan
    assert "Seq Scan on projects_" not in plan


@pytest.mark.parametrize(
    ("low", "middle", "high", "words"),
    [
        (190.0, 300.0, 410.0, "3 to 7 min left"),
        (3.2, 4.0, 9.1, "3 to 10 s left"),
        (0.0, 120.0, 200.0, "up to 4 min left"),
        (7200.0, 7200.0, 7200.0, "about 2 h left"),
        (None, 95.0, None, "1 to 2 min left"),
        (None, None, None, ""),
        (0.0, 0.0, 0.0, ""),
    ],
)
def test_what_is_left_is_told_as_a_range(
    low: float | None, middle: float | None, high: float | None, words: str
) -> None:
    assert left_in_words(low, middle, high) == words
