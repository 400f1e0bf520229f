"""How fast steps that do nothing go through the engine, beside raw Celery that keeps nothing, in the same run.

Medians of five rounds after one that is not counted. Every result is committed with ``synchronous_commit=on``.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

import pytest
from celery import chain, chord

from projects.models import Project
from tests.benchmarks.conftest import FIGURES
from tests.builders import project_of
from tests.faults.site import Site, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.workers, pytest.mark.timeout(600)]

ROUNDS = 5

CHAIN = "phases: [{key: one, steps: [{key: s0, agent: nothing}%s]}]" % "".join(  # noqa: UP031 braces are YAML's
    f", {{key: s{n}, agent: nothing, needs: [s{n - 1}]}}" for n in range(1, 100)
)
FAN_OUT = """
phases:
  - key: one
    steps:
      - {key: list, agent: numbers, params: {n: 500}}
      - {key: each, agent: nothing, needs: [list], for_each: results.list, max_parallel: 500}
      - {key: join, agent: nothing, needs: [each]}
"""


def seconds_of(yaml: str) -> float:
    """From start to finish of a project, by the database's clock."""
    project = project_of(yaml)
    wait_until(lambda: Project.objects.get(pk=project.pk).is_over, 60)
    done = Project.objects.get(pk=project.pk)
    assert done.state == "completed"
    return (done.finished_at - done.started_at).total_seconds()


def seconds_until(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def median(measure: Callable[[], float]) -> float:
    measure()
    return statistics.median(measure() for _ in range(ROUNDS))


@pytest.fixture
def raw(process_environment: dict[str, str]):  # type: ignore[no-untyped-def]
    os.environ |= {name: process_environment[name] for name in ("BROKER_URL", "RESULT_URL")}
    from tests.benchmarks.raw import nothing

    return nothing


def test_a_chain_of_100(site: Site, raw) -> None:  # type: ignore[no-untyped-def]
    ours = median(lambda: seconds_of(CHAIN)) / 100
    theirs = median(lambda: seconds_until(lambda: chain(raw.si() for _ in range(100))().get(timeout=60))) / 100

    FIGURES.append(
        {
            "work": "chain of 100, a step",
            "ours": f"{ours * 1000:.2f} ms",
            "raw": f"{theirs * 1000:.2f} ms",
            "ratio": ours / theirs,
        }
    )


def test_a_fan_out_of_500_and_its_join(site: Site, raw) -> None:  # type: ignore[no-untyped-def]
    ours = 500 / median(lambda: seconds_of(FAN_OUT))
    theirs = 500 / median(
        lambda: seconds_until(lambda: chord((raw.si() for _ in range(500)), raw.si())().get(timeout=60))
    )

    FIGURES.append(
        {
            "work": "fan-out of 500 and join, steps a second",
            "ours": f"{ours:.0f} /s",
            "raw": f"{theirs:.0f} /s",
            "ratio": ours / theirs,
        }
    )
