"""Workers for benchmarks, and the table that they print in the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import current_app

from tests.benchmarks.figures import FIGURES, table
from tests.faults.site import Site

WORKERS = {
    "PHASEGATE_AGENT_MODULES": "tests.benchmarks.agents",
    "PHASEGATE_LEASE_SECONDS": "30",
    "PHASEGATE_HEARTBEAT_SECONDS": "10",
    "PHASEGATE_RECOVERY_SECONDS": "2",
}


@pytest.fixture
def site(process_environment: dict[str, str], tmp_path: Path) -> Iterator[Site]:
    """Control and CPU workers with the product's own settings, and one of raw Celery, on an empty broker."""
    import tests.benchmarks.agents  # noqa: F401 planned with the same agents

    with current_app.connection_for_write() as connection:
        connection.default_channel.client.flushall()
    under_test = Site(process_environment, tmp_path)
    under_test.environment |= WORKERS
    under_test.start("control", "cpu")
    command = [sys.executable, "-m", "celery", "-A", "tests.benchmarks.raw", "worker", "-Q", "raw", "-c", "2"]
    with (tmp_path / "raw.log").open("wb") as log:
        raw = subprocess.Popen(
            [*command, "--without-gossip", "--without-mingle", "--without-heartbeat"],
            env=under_test.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    under_test.running["raw"] = raw
    yield under_test
    under_test.close()


@pytest.fixture
def raw(process_environment: dict[str, str]) -> Any:
    """The task of raw Celery."""
    os.environ |= {name: process_environment[name] for name in ("BROKER_URL", "RESULT_URL")}
    from tests.benchmarks.raw import nothing

    return nothing


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The table, and the same as JSON in ``var/benchmarks.json``."""
    if not FIGURES:
        return
    root = Path(__file__).resolve().parents[2]
    (root / "var").mkdir(exist_ok=True)
    (root / "var" / "benchmarks.json").write_text(json.dumps([figure.to_json() for figure in FIGURES], indent=2))
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    reporter.write_line("\n" + table(FIGURES))
