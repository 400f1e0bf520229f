"""Kill whoever waits, fires and starts children at any moment: what was waited for comes, and no child is doubled."""

from __future__ import annotations

from pathlib import Path

import pytest
from celery import current_app

from orchestrator_site.access.actors import system_actor
from projects.models import Project, Signal, Timer
from projects.services import control, signals
from tests.builders import blueprint_of, kinds, look, project_of, result, states
from tests.faults.invariants import check
from tests.faults.site import Effects, Site, over, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.workers]

BELOW = """
name: below
version: 1
title: Below
inputs: {type: object, required: [n], properties: {n: {type: integer}}}
phases:
  - key: one
    steps:
      - {key: rest, kind: wait, wait: {for: 200ms}}
      - {key: work, agent: counted, needs: [rest], params: {n: "${inputs.n}"}}
"""
ABOVE = """
phases:
  - key: one
    steps:
      - {key: rest, kind: wait, wait: {for: 300ms}}
      - {key: each, kind: project, for_each: "[1, 2, 3]", project: {blueprint: below, inputs: {n: "${item}"}}}
      - {key: late, kind: wait, needs: [each], wait: {signal: go, for: 1s}}
      - {key: last, agent: counted, needs: [rest, late]}
"""
MOMENTS = ("in_timers", "in_advance", "before_publish", "after_publish", "after_commit")


def family_of(project: Project) -> list[Project]:
    return [look(project), *Project.objects.filter(parent_step__project=project)]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_process_killed_at_any_moment_of_a_wait_costs_nothing(
    site: Site, effects: Effects, tmp_path: Path, moment: str
) -> None:
    marks = tmp_path / "faults"
    marks.mkdir()
    blueprint_of(BELOW)
    site.start("control", "cpu", "beat", PHASEGATE_FAULT=f"{moment}:kill@2", PHASEGATE_FAULT_ONCE=str(marks))
    project = project_of(ABOVE)

    wait_until(over(project), site=site)

    assert (marks / moment).exists(), "the fault did not happen: the test proves nothing"
    family = family_of(project)
    assert [each.state for each in family] == ["completed"] * 4
    assert [each["results"]["work"]["n"] for each in _each(project)] == [1, 2, 3]
    for each in family:
        check(each, effects.calls)
    assert kinds(project).count("step.child_started") == 3
    assert not Timer.objects.exists()


def _each(project: Project) -> list[dict[str, dict[str, dict[str, int]]]]:
    return [result(project, f"each[{index}]") for index in range(3)]


def test_what_is_waited_for_comes_while_redis_is_emptied_again_and_again(site: Site, effects: Effects) -> None:
    blueprint_of(BELOW)
    site.start("control", "cpu", "beat")
    project = project_of(ABOVE)

    def emptied_or_over() -> bool:
        with current_app.connection_for_write() as connection:
            connection.default_channel.client.flushall()
        return over(project)()

    for _ in range(5):
        wait_until(lambda: states(project)["each"] != "pending" or over(project)(), site=site)
        if emptied_or_over():
            break
    wait_until(over(project), site=site)

    assert look(project).state == "completed"
    for each in family_of(project):
        check(each, effects.calls)


def test_a_family_that_is_paused_in_full_swing_drains_and_goes_on(site: Site, effects: Effects) -> None:
    blueprint_of(BELOW)
    site.start("control", "cpu", "beat")
    project = project_of(ABOVE)
    wait_until(lambda: Project.objects.filter(parent_step__project=project).exists(), site=site)

    control.pause(project_id=project.pk, actor=system_actor())
    wait_until(lambda: look(project).drained_at is not None, site=site)
    held = [each for each in family_of(project) if not each.is_over]
    assert {each.directive for each in held} == {"pause"}
    signals.send(project_id=project.pk, name="go", payload="early", actor=system_actor())
    assert Signal.objects.waiting().exists()

    control.resume(project_id=project.pk, actor=system_actor())
    wait_until(over(project), site=site)

    assert look(project).state == "completed"
    assert result(project, "late") == {"signal": "go", "payload": "early", "timed_out": False}
    for each in family_of(project):
        check(each, effects.calls)
