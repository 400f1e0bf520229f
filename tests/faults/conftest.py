"""Real workers, killed for real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import current_app

from tests.faults.site import Effects, Site


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the slow scenarios to ``make faults``, unless ``-m`` asks for them."""
    if "slow_faults" in (config.getoption("-m") or ""):
        return
    slow = [item for item in items if item.get_closest_marker("slow_faults")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in set(slow)]


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
