"""How fast a checkpoint of 100 steps is taken and gone back to: it stands in the way of nobody's work.

Each figure is with its commit on disk. Beside it stands what a single row costs with its commit on the same server.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from orchestrator_site.access.actors import system_actor
from projects.models import Project
from projects.models.checkpoint import Occasion
from projects.services import checkpoints, control, restoring
from tests.benchmarks.figures import FIGURES, Figure, median
from tests.builders import agent_that, drive, look, project_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]

ROUNDS = 15
STEPS = 100


def chains_of(count: int, length: int) -> str:
    """So many chains side by side: half of the steps need another."""
    steps = [
        f"{{key: s{chain}_{place}, agent: kilobyte{f', needs: [s{chain}_{place - 1}]' if place else ''}}}"
        for chain in range(count)
        for place in range(length)
    ]
    return f"phases: [{{key: one, steps: [{', '.join(steps)}]}}, {{key: two, steps: [{{key: last, agent: kilobyte}}]}}]"


@pytest.fixture
def project() -> Project:
    """A hundred steps completed, each with a result of a kilobyte, and one more to be done; paused."""
    agent_that(lambda context: {"text": "x" * 1000}, "kilobyte")
    made = drive(project_of(chains_of(20, STEPS // 20)), steps=STEPS)
    control.pause(project_id=made.pk, actor=system_actor())
    return look(made)


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def one_row() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO projects_pulse (name, at) VALUES (%s, now()) ON CONFLICT (name) DO UPDATE SET at = now()",
            ["x"],
        )


def test_a_checkpoint_of_100_steps(project: Project) -> None:
    ours = median(
        lambda: milliseconds(lambda: checkpoints.request(project_id=project.pk, actor=system_actor())), ROUNDS
    )
    row = median(lambda: milliseconds(one_row), ROUNDS)

    _note("checkpoint of 100 steps, ms", ours, row, target=20, goal=5)


def test_going_back_with_100_steps(project: Project) -> None:
    """Back to before all of them, and forward again to where all are done: both make a hundred rows."""
    taken = checkpoints.request(project_id=project.pk, actor=system_actor()).number
    where = [1, taken]

    def go() -> None:
        restoring.restore(project_id=project.pk, actor=system_actor(), number=where[0])
        where.reverse()

    ours = median(lambda: milliseconds(go), ROUNDS)
    row = median(lambda: milliseconds(one_row), ROUNDS)

    _note("restore of 100 steps, ms", ours, row, target=50, goal=15)


def test_what_a_checkpoint_adds_to_the_start_of_a_small_project() -> None:
    agent_that(lambda context: None, "kilobyte")
    made = drive(project_of(chains_of(1, 5)), steps=0)

    ours = median(lambda: _within(made), 50)
    row = median(lambda: milliseconds(one_row), 50)

    _note("checkpoint within another's commit, 5 steps, ms", ours, row, target=2, goal=1)


def _within(project: Project) -> float:
    """As at the end of a phase: in a transaction that commits anyway, so that the commit is not counted."""
    with transaction.atomic():
        return milliseconds(
            lambda: checkpoints.take(project_id=project.pk, occasion=Occasion.REQUEST, author="benchmark")
        )


def _note(work: str, ours: float, row: float, *, target: float, goal: float) -> None:
    FIGURES.append(Figure(work, f"{ours:.2f} ms", f"{row:.2f} ms a row", ours, target, goal))
