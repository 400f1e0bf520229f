"""100,000 suppliers from the making of their project to its report, beside a plain loop over the same table.

The project is made, its document checked and kept, and its steps are done by the product's own workers: a control
worker and the CPU workers of the site. The loop calculates in this process, row by row with decimals, and commits
nothing. The best and the middle of some rounds are told, as the machine may be busy with other things.
"""

from __future__ import annotations

import statistics
import time

import pytest

from agents.library.emissions.factors import built_in
from agents.library.emissions.reading import open_table
from orchestrator_site.access.actors import system_actor
from projects.models import Blob, Project, Step
from projects.reports.formats import render_report
from projects.services import control, creating, intake
from projects.services.registration import find_blueprint
from tests.benchmarks.figures import FIGURES, Figure, seconds_until
from tests.builders import result
from tests.faults.site import Site, wait_until
from tests.unit.emissions.calculated import chunks_of
from tests.unit.emissions.making_suppliers import as_csv, as_parquet, suppliers
from tests.unit.emissions.plain import by_hand

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.workers, pytest.mark.timeout(600)]

SUPPLIERS = 100_000
BAR = 20.0  # seconds, on two cores
BEST_PUBLISHED = 142.0  # seconds, of the best published system of its kind, with 100 agents
ROUNDS = 2


def from_making_to_report(name: str, content: bytes) -> tuple[Project, dict[str, float]]:
    """Seconds from the making of the project, up to each moment on the way."""
    began = time.perf_counter()
    made = creating.create_project(
        blueprint=find_blueprint("emissions-report"),
        actor=system_actor(),
        documents=[intake.Given(name, content)],
        rerun=True,
    )
    moments = {"made": time.perf_counter() - began}
    control.start(project_id=made.project.pk, actor=system_actor())
    wait_until(lambda: Project.objects.get(pk=made.project.pk).is_over, 300)
    moments["completed"] = time.perf_counter() - began
    project = Project.objects.get(pk=made.project.pk)
    assert project.state == "completed", project.failure
    assert f"{SUPPLIERS:,}".replace(",", "") in render_report(project, "json")
    moments["reported"] = time.perf_counter() - began
    return project, moments


def told(work: str, seconds: list[float], beside: str, against: float, target: float, goal: float) -> None:
    """The best round's figure, with the middle and the slowest in words."""
    best, middle, worst = min(seconds), statistics.median(seconds), max(seconds)
    FIGURES.append(Figure(work, f"{best:.1f} s", beside, best / against, target, goal))
    print(f"{work}: best {best:.2f} s, p50 {middle:.2f} s, p99 {worst:.2f} s of {len(seconds)}")  # noqa: T201


def test_100_000_suppliers(site: Site) -> None:
    rows = suppliers(SUPPLIERS, seed=1, bad=0.01)
    tables = {"suppliers.csv": as_csv(rows), "suppliers.parquet": as_parquet(rows)}
    loop = [seconds_until(lambda: by_hand(tables["suppliers.csv"], built_in())) for _ in range(ROUNDS)]
    told("100,000 suppliers, a plain loop", loop, "", min(loop), 1, 1)

    roots = set()
    for name, content in tables.items():
        rounds = [from_making_to_report(name, content) for _ in range(ROUNDS)]
        project = rounds[-1][0]
        combined = result(project, "combine")
        assert combined["computed"] + combined["set_aside"] == SUPPLIERS
        roots.add(combined["root"])
        seconds = [moments["reported"] for _, moments in rounds]
        told(f"100,000 suppliers, {name}, to the report", seconds, f"{BAR:.0f} s", BAR, 1.0, 0.5)
        told(
            f"the same beside {BEST_PUBLISHED:.0f} s published",
            seconds,
            f"{BEST_PUBLISHED:.0f} s",
            BEST_PUBLISHED,
            0.5,
            0.1,
        )
        told("the same beside the plain loop", seconds, f"{min(loop):.1f} s", min(loop), 5.0, 2.5)
        print({key: round(value, 2) for key, value in rounds[-1][1].items()})  # noqa: T201
    assert len(roots) == 1

    chunks = Step.objects.filter(parent__key="calculate", result_blob__isnull=False).values_list("result_blob_id")
    kept = sum(len(blob.content) for blob in Blob.objects.filter(pk__in=chunks))
    FIGURES.append(
        Figure("100,000 suppliers, bytes kept a row", f"{kept / SUPPLIERS:.0f} B", "", kept / SUPPLIERS, 128, 64)
    )


def test_the_calculation_alone() -> None:
    content = as_csv(suppliers(SUPPLIERS, seed=1, bad=0.01))
    loop = [seconds_until(lambda: by_hand(content, built_in())) for _ in range(ROUNDS)]
    columns = [seconds_until(lambda: chunks_of(content)) for _ in range(ROUNDS)]
    opened = [seconds_until(lambda: open_table(content, "s.csv")) for _ in range(ROUNDS)]

    told("100,000 suppliers by columns, one process", columns, f"{min(loop):.1f} s", min(loop), 0.8, 0.5)
    told("opening and cutting 100,000 rows", opened, f"{min(loop):.1f} s", min(loop), 0.1, 0.05)
