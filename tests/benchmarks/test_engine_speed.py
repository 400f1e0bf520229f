"""How fast steps that do nothing go through the engine, beside raw Celery that keeps nothing, in the same run.

Medians of rounds after one that is not counted. Every result is committed with ``synchronous_commit=on`` before it
counts. The database's clock times projects; a commit is a transaction that wrote something.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from celery import chain, chord, group
from django.db import connection
from django.db.models import Max, Min

from orchestrator_site.access.actors import system_actor
from projects.models import Project
from projects.services import control, many
from tests.benchmarks.figures import FIGURES, Figure, median, seconds_until, side_by_side
from tests.builders import project_of
from tests.faults.site import Site, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.workers, pytest.mark.timeout(600)]


def chain_of(count: int, phase: str = "one") -> str:
    steps = [f"{{key: {phase}_0, agent: nothing}}"]
    steps += [f"{{key: {phase}_{n}, agent: nothing, needs: [{phase}_{n - 1}]}}" for n in range(1, count)]
    return f"{{key: {phase}, steps: [{', '.join(steps)}]}}"


def fan_out_of(count: int) -> str:
    return f"""
phases:
  - key: one
    steps:
      - {{key: list, agent: numbers, params: {{n: {count}}}}}
      - {{key: each, agent: nothing, needs: [list], for_each: results.list}}
      - {{key: join, agent: nothing, needs: [each]}}
"""


CHAIN = f"phases: [{chain_of(100)}]"
FIVE = f"phases: [{chain_of(5)}]"


def run(project: Project, seconds: float = 120) -> Project:
    """Start a project, and wait for its end without burdening the machine."""
    control.start(project_id=project.pk, actor=system_actor())
    wait_until(lambda: Project.objects.get(pk=project.pk).is_over, seconds)
    done = Project.objects.get(pk=project.pk)
    assert done.state == "completed", done.failure
    return done


def seconds_of(yaml: str) -> float:
    """From start to finish of a project, by the database's clock."""
    done = run(project_of(yaml, started=False))
    assert done.started_at is not None
    assert done.finished_at is not None
    return (done.finished_at - done.started_at).total_seconds()


def value_of(query: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


def commits_of(work: Callable[[], object]) -> int:
    """Transactions that wrote something while it ran."""
    count = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
    before = value_of(count)
    work()
    return int(value_of(count) - before)


def small_commits_a_second() -> float:
    """What one connection to this PostgreSQL gives."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS benchmark_commits (n int)")
        began = time.perf_counter()
        for n in range(500):
            cursor.execute("INSERT INTO benchmark_commits VALUES (%s)", [n])
        took = time.perf_counter() - began
        cursor.execute("DROP TABLE benchmark_commits")
    return 500 / took


def test_a_chain_of_100(site: Site, raw: Any) -> None:
    ours, theirs = side_by_side(
        lambda: seconds_of(CHAIN) / 100,
        lambda: seconds_until(lambda: chain(raw.si() for _ in range(100))().get(timeout=60)) / 100,
    )
    commits = commits_of(lambda: seconds_of(CHAIN)) / 100
    rate = small_commits_a_second()

    FIGURES.append(
        Figure("chain of 100, a step", f"{ours * 1e3:.2f} ms", f"{theirs * 1e3:.2f} ms", ours / theirs, 0.5, 0.25)
    )
    FIGURES.append(Figure("chain of 100, commits a step", f"{commits:.2f}", f"{rate:.0f} /s", commits, 1.2, 1.0))


def test_a_fan_out_of_500_and_its_join(site: Site, raw: Any) -> None:
    work = fan_out_of(500)
    ours, theirs = side_by_side(
        lambda: 500 / seconds_of(work),
        lambda: 500 / seconds_until(lambda: chord((raw.si() for _ in range(500)), raw.si())().get(timeout=60)),
    )
    commits = commits_of(lambda: seconds_of(work)) / 500

    FIGURES.append(
        Figure(
            "fan-out of 500 and join, steps a second", f"{ours:.0f} /s", f"{theirs:.0f} /s", ours / theirs, 6, 12, True
        )
    )
    FIGURES.append(Figure("fan-out of 500, commits a step", f"{commits:.2f}", "", commits, 0.2, 0.1))


def test_200_projects_of_5_steps(site: Site, raw: Any) -> None:
    def seconds_of_200(start: Callable[[list[UUID]], object]) -> float:
        projects = [project_of(FIVE, started=False).pk for _ in range(200)]
        start(projects)
        these = Project.objects.filter(pk__in=projects)
        wait_until(lambda: not these.exclude(state="completed").exists(), 120)
        spread = these.aggregate(first=Min("started_at"), last=Max("finished_at"))
        first, last = spread["first"], spread["last"]
        assert isinstance(first, datetime)
        assert isinstance(last, datetime)
        return (last - first).total_seconds()

    def one_by_one(projects: list[UUID]) -> None:
        for project in projects:
            control.start(project_id=project, actor=system_actor())

    def at_once(projects: list[UUID]) -> None:
        assert many.steer("start", projects, actor=system_actor()).all_done

    def theirs() -> None:
        group(chain(raw.si() for _ in range(5)) for _ in range(200))().get(timeout=120)

    for how, start in (("one call", at_once), ("a call each", one_by_one)):
        us, them = side_by_side(
            lambda start=start: 1000 / seconds_of_200(start),  # type: ignore[misc]
            lambda: 1000 / seconds_until(theirs),
        )
        name = f"200 projects of 5, steps a second, begun by {how}"
        FIGURES.append(Figure(name, f"{us:.0f} /s", f"{them:.0f} /s", us / them, 1.5, 2.5, True))


def test_a_small_project_beside_a_large_one(site: Site) -> None:
    alone = median(lambda: seconds_of(FIVE), 9)
    large = project_of(fan_out_of(10_000), started=False)
    seconds_of(fan_out_of(500))  # how long the agent takes is known, as it is of any agent that has run before
    control.start(project_id=large.pk, actor=system_actor())
    wait_until(lambda: large.steps.filter(state="completed").count() > 300, 60)
    beside = []
    while not Project.objects.get(pk=large.pk).is_over and len(beside) < 9:
        beside.append(seconds_of(FIVE))
    wait_until(lambda: Project.objects.get(pk=large.pk).is_over, 120)

    assert len(beside) >= 3, "the large project was over too soon"
    us = statistics.median(beside)
    FIGURES.append(Figure("5 steps beside 10,000", f"{us * 1e3:.0f} ms", f"{alone * 1e3:.0f} ms", us / alone, 3, 1.5))


def test_a_step_costs_the_same_in_a_large_project(site: Site) -> None:
    def seconds_of_the_chain_after(items: int) -> float:
        work = fan_out_of(items) + f"  - {chain_of(100, 'two')}"
        done = run(project_of(work, started=False))
        phase = done.phases.get(key="two")
        assert phase.started_at is not None
        assert phase.finished_at is not None
        return (phase.finished_at - phase.started_at).total_seconds() / 100

    in_small = median(lambda: seconds_of_the_chain_after(1))
    in_large = median(lambda: seconds_of_the_chain_after(10_000), 2)

    FIGURES.append(
        Figure(
            "a step in a project of 10,000 beside one of 100",
            f"{in_large * 1e3:.2f} ms",
            f"{in_small * 1e3:.2f} ms",
            in_large / in_small,
            1.3,
            1.1,
        )
    )


def test_a_step_costs_the_same_beside_a_million_past_ones(site: Site) -> None:
    empty = median(lambda: seconds_of(CHAIN)) / 100
    pattern = Project.objects.filter(state="completed").latest("finished_at")
    with connection.cursor() as cursor:
        cursor.execute(MILLION, {"project": pattern.pk})
        # As a database is that came by its rows in years: what loading them left to be done is done.
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
    full = median(lambda: seconds_of(CHAIN)) / 100

    FIGURES.append(
        Figure(
            "a step beside 1,000,000 past ones",
            f"{full * 1e3:.2f} ms",
            f"{empty * 1e3:.2f} ms",
            full / empty,
            1.3,
            1.1,
        )
    )


# 10,000 projects like one that was run, each with its phase, 100 steps, an attempt a step and two events an attempt.
MILLION = """
CREATE TEMPORARY TABLE copied AS
SELECT gen_random_uuid() AS project, gen_random_uuid() AS phase FROM generate_series(1, 10000);

INSERT INTO projects_project (id, blueprint_id, title, state, directive, inputs, variables, intent, priority,
                              job_digest, auto_approve, held_by_parent, plan_version, failure_code, failure, created_at,
                              started_at, finished_at)
SELECT c.project, p.blueprint_id, p.title, p.state, p.directive, p.inputs, p.variables, p.intent, p.priority,
       '', p.auto_approve, false, 1, '', '', p.created_at, p.started_at, p.finished_at
  FROM copied c, projects_project p WHERE p.id = %(project)s;

INSERT INTO projects_phase (id, project_id, key, title, position, state, round, base_round, rounds, quality, comments,
                            failure, started_at, finished_at)
SELECT c.phase, c.project, f.key, f.title, f.position, f.state, f.round, f.base_round, f.rounds, f.quality, f.comments,
       f.failure, f.started_at, f.finished_at
  FROM copied c, projects_phase f WHERE f.project_id = %(project)s;

INSERT INTO projects_step (id, project_id, phase_id, key, round, position, spec, kind, agent, pool, on_failure, state,
                           attempt, failures, crashes, timeout_seconds, guarded, concurrency_key, result, created_at,
                           started_at, finished_at)
SELECT gen_random_uuid(), c.project, c.phase, s.key, s.round, s.position, s.spec, s.kind, s.agent, s.pool, s.on_failure,
       s.state, s.attempt, s.failures, s.crashes, s.timeout_seconds, s.guarded, s.concurrency_key, s.result,
       s.created_at, s.started_at, s.finished_at
  FROM copied c, projects_step s WHERE s.project_id = %(project)s;

INSERT INTO projects_attempt (step_id, number, worker, outcome, tokens_in, tokens_out, cost, started_at, finished_at)
SELECT s.id, 1, gen_random_uuid(), 'completed', 0, 0, 0, s.started_at, s.finished_at
  FROM projects_step s JOIN copied c ON c.project = s.project_id;

INSERT INTO history_event (stream, kind, actor, subject, data)
SELECT s.project_id, events.kind, 'worker', s.key, '{"attempt": 1, "round": 1}'
  FROM projects_step s JOIN copied c ON c.project = s.project_id,
       unnest(ARRAY['step.started', 'step.completed']) AS events (kind);
"""
