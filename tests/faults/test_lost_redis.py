"""Redis may be emptied at any moment: it carries doorbells, and PostgreSQL knows what is to be done."""

from __future__ import annotations

import pytest
from celery import current_app

from projects.models import Step
from projects.services import doorbell
from tests.builders import look, project_of
from tests.faults.invariants import check
from tests.faults.site import Effects, Site, over, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.workers]


def empty_redis() -> None:
    with current_app.connection_for_write() as connection:
        connection.default_channel.client.flushall()


def test_redis_is_emptied_in_the_middle_of_a_phase_and_the_project_completes(site: Site, effects: Effects) -> None:
    site.start("control", "cpu", "io", "beat")
    project = project_of(
        """
        phases:
          - key: one
            steps:
              - {key: list, agent: counts, params: {n: 40}}
              - key: each
                agent: counted
                needs: [list]
                for_each: results.list.items
                params: {n: "${item}", seconds: 0.1}
              - {key: join, agent: counted-io, needs: [each]}
        """
    )
    done = Step.objects.filter(project=project, parent__isnull=False, state="completed")
    wait_until(lambda: done.count() >= 5, site=site)

    empty_redis()
    wait_until(lambda: done.count() >= 20, site=site)
    empty_redis()
    wait_until(over(project), site=site)

    assert look(project).state == "completed"
    check(project, effects.calls)


@pytest.mark.django_db(transaction=True)
def test_an_emptied_redis_is_noticed_once() -> None:
    empty_redis()

    assert doorbell.was_emptied()
    doorbell.set_up()
    assert not doorbell.was_emptied()

    empty_redis()
    assert doorbell.was_emptied()
