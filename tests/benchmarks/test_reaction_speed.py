"""How soon something follows: a decision, a pause, the death of a worker. By the database's clock, default settings."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import connection

from orchestrator_site.access.actors import system_actor
from orchestrator_site.history import services as history
from projects.models import Approval, Project, Step
from projects.services import control
from tests.api.conftest import client_of
from tests.benchmarks.figures import FIGURES, Figure
from tests.benchmarks.test_engine_speed import fan_out_of, run, seconds_of
from tests.builders import person, project_of
from tests.faults.site import Site, over, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.workers, pytest.mark.timeout(600)]

ASKED = """
phases:
  - key: one
    steps: [{key: a, agent: nothing}]
    gate: {approval: {title: Go on}}
  - key: two
    steps: [{key: b, agent: nothing}]
"""
ONE_SECOND = "phases: [{key: one, steps: [{key: a, agent: takes, params: {seconds: 1.0}}]}]"
RUNS_STEP = {"key": "a", "state": "running"}


def now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment = cursor.fetchone()[0]
    assert isinstance(moment, datetime)
    return moment


def test_from_a_decision_to_the_next_step(site: Site) -> None:
    client = client_of(person("anna", may=["decide_approval"]))
    waits = []
    for _ in range(15):
        project = project_of(ASKED)
        wait_until(lambda project=project: Approval.objects.filter(project=project, state="open").exists(), 30)
        approval = Approval.objects.get(project=project)
        answer = client.post(f"/api/v2/orchestrator/approvals/{approval.pk}/decisions", {"verdict": "approve"})
        answered = now()
        assert answer.status_code in (200, 201), answer.content
        wait_until(over(project), 30)
        ran = Step.objects.get(project=project, key="b").finished_at
        assert ran is not None
        waits.append((ran - answered).total_seconds())

    us = statistics.median(waits[1:])
    FIGURES.append(Figure("approval decided to next step run, ms", f"{us * 1e3:.1f} ms", "", us * 1e3, 15, 4))


def test_no_step_starts_after_a_pause(site: Site) -> None:
    seconds_of(fan_out_of(500))
    after = 0
    for _ in range(10):
        project = project_of(fan_out_of(1000))
        wait_until(lambda project=project: project.steps.filter(state="completed").count() > 100, 30)
        control.pause(project_id=project.pk, actor=system_actor())
        paused = now()
        wait_until(lambda project=project: not project.steps.filter(state="running").exists(), 10)
        started = history.events_of(project.pk).filter(kind="step.started")
        assert started.count() < 1001, "the pause came too late to show anything"
        after += started.filter(at__gt=paused).count()
        control.cancel(project_id=project.pk, actor=system_actor())

    FIGURES.append(Figure("steps started after a pause, 10 pauses", str(after), "", after, 0, 0))


def seconds_beyond(site: Site, kill: Callable[[], None]) -> float:
    """Seconds from the death of the worker of a step of one second to the end of its project, beyond that second."""
    project = project_of(ONE_SECOND)
    wait_until(lambda: Step.objects.filter(project=project, **RUNS_STEP).exists(), 30)
    kill()
    killed = now()
    wait_until(over(project), 60, site)
    done = Project.objects.get(pk=project.pk)
    assert done.state == "completed"
    assert done.finished_at is not None
    return (done.finished_at - killed).total_seconds() - 1.0


def test_a_worker_is_killed_and_another_lives(site: Site) -> None:
    run(project_of(ONE_SECOND, started=False))
    names = iter(f"cpu {n}" for n in range(2, 10))
    beyond = []
    for _ in range(4):
        site.start(name := next(names))
        wait_until(lambda: _processes() >= 4, 30)
        victim = [each for each in site.running if each.startswith("cpu")]

        def kill(victim: list[str] = victim) -> None:
            site.kill(next(each for each in victim if _works(site, each)))

        beyond.append(seconds_beyond(site, kill))
        del name
    us = statistics.median(beyond)
    FIGURES.append(Figure("worker killed, another alive, s beyond", f"{us:.2f} s", "", us, 2, 0.7))


def test_a_worker_is_killed_and_started_again(site: Site) -> None:
    run(project_of(ONE_SECOND, started=False))
    beyond = []
    for _ in range(4):

        def kill() -> None:
            site.kill("cpu")
            site.start("cpu")

        beyond.append(seconds_beyond(site, kill))
    us = statistics.median(beyond)
    FIGURES.append(Figure("worker killed and started again, s beyond", f"{us:.2f} s", "", us, 3, 2))


def _processes() -> int:
    from projects.models import Worker

    return Worker.objects.filter(pools__contains=["cpu"]).count()


def _works(site: Site, name: str) -> bool:
    """Whether that worker's processes hold the step that runs."""
    import psutil

    from projects.models import Worker

    holder: Any = Step.objects.filter(**RUNS_STEP).values_list("lease_owner", flat=True).first()
    pid = Worker.objects.filter(pk=holder).values_list("pid", flat=True).first()
    return pid in {child.pid for child in psutil.Process(site.running[name].pid).children(recursive=True)}
