"""Plans are changed while real workers run them: the new plan is what runs, each step once."""

from __future__ import annotations

import pytest

from orchestrator_site.history import services as history
from projects import orchestrator
from projects.models import Attempt, Project
from projects.services.contexts import idempotency_key
from tests.builders import kinds, look, project_of, states, step
from tests.faults.site import Effects, Site, over, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.workers]


def each_effect_once(project: Project, effects: Effects) -> None:
    """Every step that an agent completed was completed by one attempt, with one effect, and no other had any."""
    done = Attempt.objects.filter(step__project=project, outcome="completed").values_list("step_id", flat=True)
    assert sorted(effects.calls.items()) == sorted((idempotency_key(pk), 1) for pk in done)


def test_a_step_put_into_a_leg_that_a_worker_is_doing_runs_in_its_place(site: Site, effects: Effects) -> None:
    site.start("control", "cpu", "beat")
    project = project_of(
        """
        phases:
          - key: one
            steps:
              - {key: a, agent: counted, params: {seconds: 2}}
              - {key: b, agent: counted, needs: [a]}
              - {key: c, agent: counted, needs: [b]}
        """
    )
    wait_until(lambda: step(project, "a").state == "running", site=site)

    orchestrator.intervene(project, "add", definition="{key: x, agent: counted}", before="b")
    orchestrator.intervene(project, "skip", "c", result="instead")
    wait_until(over(project), site=site)

    assert look(project).state == "completed"
    assert states(project) == {"a": "completed", "x": "completed", "b": "completed", "c": "skipped"}
    started = history.events_of(project.pk).filter(kind="step.started").order_by("id")
    assert list(started.values_list("subject", flat=True)) == ["a", "x", "b"]
    each_effect_once(project, effects)


def test_a_failed_project_is_taken_up_by_workers_once_it_is_mended(site: Site, effects: Effects) -> None:
    site.start("control", "cpu", "beat")
    project = project_of(
        """
        phases:
          - key: one
            steps:
              - {key: a, agent: counted}
              - {key: b, agent: nobody, needs: [a], retry: {max_attempts: 1}}
              - {key: c, agent: counted, needs: [b]}
        """
    )
    wait_until(over(project), site=site)
    assert (look(project).state, states(project)["c"]) == ("failed", "cancelled")

    orchestrator.intervene(project, "skip", "b", result="by hand")
    wait_until(over(project), site=site)

    assert look(project).state == "completed"
    assert states(project) == {"a": "completed", "b": "skipped", "c": "completed"}
    assert kinds(project).count("project.revived") == 1
    each_effect_once(project, effects)
