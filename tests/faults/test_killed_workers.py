"""Kill workers and cut connections: the project completes by itself, each result committed once.

Every fault at every moment stands in ``scenarios``; here the sites start from nothing.
"""

from __future__ import annotations

import pytest
from django.db import connection

from projects.models import Attempt, Step
from tests.builders import kinds, look, project_of, step
from tests.faults.invariants import check
from tests.faults.site import Effects, Site, over, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.workers]

FAN_OUT_AND_JOIN = """
phases:
  - key: one
    steps:
      - {key: list, agent: counts, params: {n: 6}}
      - {key: each, agent: counted, needs: [list], for_each: results.list.items, params: {n: "${item}"}}
      - {key: first, agent: counted, needs: [each]}
      - {key: second, agent: counted-io, needs: [first]}
  - key: two
    steps:
      - {key: left, agent: counted}
      - {key: right, agent: counted}
      - {key: join, agent: counted, needs: [left, right]}
"""


def test_the_whole_worker_is_killed_in_mid_step_and_another_takes_over(site: Site, effects: Effects) -> None:
    site.start("control", "cpu", "beat")
    project = project_of("phases: [{key: one, steps: [{key: a, agent: counted, params: {seconds: 30}}]}]")
    wait_until(lambda: step(project, "a").state == "running", site=site)

    site.kill("cpu")
    step(project, "a").__class__.objects.update(spec={"params": {"seconds": 0}})
    site.start("cpu again")
    wait_until(over(project), site=site)

    assert look(project).state == "completed"
    assert list(Attempt.objects.order_by("number").values_list("outcome", flat=True)) == ["lost", "completed"]
    assert "step.taken_back" in kinds(project)
    check(project, effects.calls)


def test_a_step_that_takes_its_worker_down_again_and_again_is_failed_as_poison(site: Site, effects: Effects) -> None:
    site.start("control", "cpu", "beat")
    project = project_of("phases: [{key: one, steps: [{key: a, agent: killer}]}]")

    wait_until(over(project), site=site)

    assert look(project).state == "failed"
    assert step(project, "a").error["code"] == "poison_step"
    assert step(project, "a").attempt == 3
    check(project, effects.calls)


def test_every_connection_to_postgresql_is_cut_in_the_middle_and_the_project_completes(
    site: Site, effects: Effects
) -> None:
    site.start("control", "cpu", "io", "beat")
    project = project_of(FAN_OUT_AND_JOIN.replace("n: 6", "n: 30"))
    done = Step.objects.filter(project=project, state="completed")

    for count in (3, 12, 25):
        wait_until(lambda count=count: done.count() >= count or over(project)(), site=site)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
    wait_until(over(project), site=site)

    assert look(project).state == "completed"
    check(project, effects.calls)
