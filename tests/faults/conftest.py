"""Real workers, killed for real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import current_app

from tests.faults.site import Effects, Site


@pytest.fixture
def effects() -> Iterator[Effects]:
    service = Effects()
    yield service
    service.close()


@pytest.fixture
def site(process_environment: dict[str, str], effects: Effects, tmp_path: Path) -> Iterator[Site]:
    """Processes on the test database and an empty broker."""
    import tests.faults.agents  # noqa: F401 the test's own process plans with the same agents

    with current_app.connection_for_write() as connection:
        connection.default_channel.client.flushall()
    logs = tmp_path / "logs"
    logs.mkdir()
    under_test = Site(process_environment | {"EFFECTS_URL": effects.url}, logs)
    yield under_test
    under_test.close()
