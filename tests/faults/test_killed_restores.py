"""Kill who goes back at any moment: it has happened or it has not, and the project completes by itself."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from orchestrator_site.access.actors import system_actor
from projects.models import Checkpoint, Project, Step
from projects.services import checkpoints
from tests.builders import drive, kinds, look, project_of
from tests.faults.invariants import check
from tests.faults.site import Effects, Site, over, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.workers]

TWO = """
phases:
  - key: one
    steps:
      - {key: list, agent: counts, params: {n: 3}}
      - {key: each, agent: counted, needs: [list], for_each: results.list.items, params: {n: "${item}"}}
  - key: two
    steps:
      - {key: left, agent: counted}
      - {key: right, agent: counted, needs: [left]}
"""


def go_back(site: Site, project: Project, number: int, **environment: str) -> int:
    command = [sys.executable, "manage.py", "checkpoints", str(project.pk), "--restore", str(number), "--json"]
    done = subprocess.run(command, env=site.environment | environment, capture_output=True, timeout=60, check=False)
    return done.returncode


def completed(site: Site) -> Project:
    site.start("control", "cpu", "beat")
    project = project_of(TWO)
    wait_until(over(project), site=site)
    assert look(project).state == "completed"
    return project


@pytest.mark.parametrize(("moment", "happened"), [("in_restore", False), ("in_advance", True), ("after_restore", True)])
def test_who_goes_back_is_killed_and_it_has_happened_or_not(
    site: Site, effects: Effects, moment: str, happened: bool
) -> None:
    project = completed(site)
    before = checkpoints.read_now(project.pk).mark
    steps = Step.objects.filter(project=project).count()

    status = go_back(site, project, 2, PHASEGATE_FAULT=f"{moment}:kill")

    assert status == -signal.SIGKILL
    assert ("project.restored" in kinds(project)) == happened
    assert Checkpoint.objects.filter(project=project, occasion="restore").exists() == happened
    if not happened:
        assert checkpoints.read_now(project.pk).mark == before
        assert Step.objects.filter(project=project).count() == steps
        assert go_back(site, project, 2) == 0
    wait_until(over(project), site=site)
    assert look(project).state == "completed"
    assert {s.key: s.round for s in Step.objects.filter(project=project, phase__key="two").order_by("round")} == {
        "left": 2,
        "right": 2,
    }
    check(project, effects.calls)


def test_workers_go_on_with_a_project_that_came_back_into_the_middle_of_a_list(
    site: Site, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EFFECTS_URL", effects.url)
    project = drive(project_of(TWO), steps=2)
    checkpoints.request(project_id=project.pk, actor=system_actor())
    site.start("control", "cpu", "beat")
    wait_until(over(project), site=site)

    assert go_back(site, project, 2) == 0

    wait_until(over(project), site=site)
    assert look(project).state == "completed"
    carried = Step.objects.filter(project=project, round=2).exclude(carried_from=None)
    assert sorted(carried.values_list("key", flat=True)) == ["each", "each[0]", "list"]
    check(project, effects.calls)
