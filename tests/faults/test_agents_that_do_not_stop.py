"""An agent that does not ask whether to stop keeps neither its project from its end nor its process from others."""

from __future__ import annotations

import psutil
import pytest

from orchestrator_site.access.actors import system_actor
from projects.models import Attempt, Worker
from projects.services import control
from tests.builders import look, project_of, step
from tests.faults.invariants import check
from tests.faults.site import Effects, Site, over, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.workers]

GRACE = {"PHASEGATE_CANCEL_GRACE_SECONDS": "1"}


@pytest.mark.parametrize("force", [False, True])
def test_one_that_sleeps_is_interrupted_and_its_process_does_the_next_step(
    force: bool, site: Site, effects: Effects
) -> None:
    site.start("control", "cpu", "beat", **GRACE)
    project = project_of("phases: [{key: one, steps: [{key: a, agent: absent}]}]")
    wait_until(lambda: step(project, "a").state == "running", site=site)
    processes = {child.pid for child in site.children("cpu")}

    control.cancel(project_id=project.pk, actor=system_actor(), force=force)
    wait_until(over(project), site=site)
    nexts = [project_of("phases: [{key: one, steps: [{key: a, agent: counted}]}]") for _ in range(4)]
    for each in nexts:
        wait_until(over(each), site=site)

    assert look(project).state == "cancelled"
    assert [attempt.outcome for attempt in Attempt.objects.filter(step__project=project)] == ["cancelled"]
    assert {child.pid for child in site.children("cpu")} == processes, "none had to be ended"
    check(nexts[0], effects.calls)


def test_one_that_lets_go_of_nothing_has_its_process_ended_and_another_takes_its_place(
    site: Site, effects: Effects
) -> None:
    site.start("control", "cpu", "beat", **GRACE)
    project = project_of("phases: [{key: one, steps: [{key: a, agent: deaf}]}]")
    wait_until(lambda: step(project, "a").state == "running", site=site)
    its_process = Worker.objects.get(pk=step(project, "a").lease_owner).pid
    size = len(site.children("cpu"))

    control.cancel(project_id=project.pk, actor=system_actor(), force=True)
    wait_until(over(project), site=site)
    wait_until(lambda: not psutil.pid_exists(its_process), site=site)
    wait_until(lambda: len(site.children("cpu")) == size, site=site)
    after = project_of("phases: [{key: one, steps: [{key: a, agent: counted}]}]")
    wait_until(over(after), site=site)

    assert [attempt.outcome for attempt in Attempt.objects.filter(step__project=project)] == ["cancelled"]
    assert look(after).state == "completed"
    check(after, effects.calls)
