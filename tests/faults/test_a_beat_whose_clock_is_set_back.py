"""Beat sends on when its clock is set back, while it runs and where it was set back between two runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from celery import current_app
from django_celery_beat.models import PeriodicTask

from orchestrator_site import clock
from orchestrator_site.conf import CONTROL_QUEUE
from tests.faults.arena import SKEWED
from tests.faults.site import Site, wait_until
from tests.faults.skewed.sitecustomize import BACK, CLOCKS

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.workers,
    pytest.mark.skipif(not CLOCKS, reason="time_machine or the signals that set clocks are not there"),
]


def more_is_sent() -> Callable[[], bool]:
    """Whether beat has sent so many messages more; nobody takes any."""
    before = _waiting()
    return lambda: _waiting() >= before + 5


def _waiting() -> int:
    with current_app.connection_for_write() as connection:
        return int(connection.default_channel.client.llen(CONTROL_QUEUE))


def test_one_that_runs(site: Site) -> None:
    site.start("beat", PYTHONPATH=str(SKEWED), SKEWED_BY_SIGNALS="1")
    wait_until(more_is_sent(), site=site)

    site.send("beat", BACK)
    wait_until(more_is_sent(), seconds=20, site=site)
    wait_until(more_is_sent(), seconds=20, site=site)


def test_one_that_is_started_again(site: Site) -> None:
    site.start("beat")
    wait_until(more_is_sent(), site=site)
    site.end("beat")
    assert PeriodicTask.objects.update(last_run_at=clock.now() + timedelta(hours=2))

    site.start("beat")
    wait_until(more_is_sent(), seconds=20, site=site)
