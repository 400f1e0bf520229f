"""What every test may use: real servers, and the environment in which a process reaches the test database."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import settings as examples

if TYPE_CHECKING:
    from orchestrator_site.embedded.servers import Servers

# How long an example takes says more of the machine than of what is tested; what hangs, the limit of a test ends.
examples.register_profile("ours", deadline=None)
# The same examples each time, so that what CI says depends on the code alone; everywhere else new ones are tried.
examples.register_profile("steady", deadline=None, derandomize=True)
examples.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ours"))


def pytest_sessionfinish(exitstatus: int) -> None:
    """A thread that a failed test has left waiting keeps nobody from hearing how the run went."""

    def end() -> None:
        time.sleep(60)
        main = threading.main_thread()
        left = [each.name for each in threading.enumerate() if not each.daemon and each is not main]
        sys.stderr.write(f"These threads were still running a minute after the last test: {', '.join(left)}\n")
        sys.stderr.flush()
        os._exit(exitstatus or 1)

    threading.Thread(target=end, name="end of the run", daemon=True).start()


@pytest.fixture(scope="session", autouse=True)
def servers() -> Iterator[Servers]:
    """PostgreSQL and Redis, embedded in ``var/test`` unless the environment names some, for the whole run."""
    from orchestrator_site.embedded.entry import embedded_servers

    with embedded_servers() as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def emptied_quickly() -> Iterator[None]:
    """Tests that commit leave nothing behind, in milliseconds."""
    from django.test import TransactionTestCase

    from tests.emptying import empty

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        yield


@pytest.fixture(autouse=True)
def agents_unknown() -> Iterator[None]:
    """What a test has made or learned of agents, in this process and in Redis, is not known to the next."""
    from agents.definition import _registered
    from agents.registry import load_agents

    load_agents()  # once a process: those that ship would otherwise go with the first test that needs them
    before = dict(_registered)
    yield
    from agents import dispatching
    from agents.resilience import services

    if services._desk is not None:
        from django.core.cache import cache

        services.close_desk()
        cache.clear()
    dispatching.reset()
    _registered.clear()
    _registered.update(before)


@pytest.fixture
def process_environment(transactional_db: None) -> dict[str, str]:
    """The environment for a process of ours that is to work on the test database."""
    from django.conf import settings
    from django.db import connection

    found = connection.settings_dict
    host = found["HOST"] or found.get("OPTIONS", {}).get("host", "")
    login = ":".join(quote(part, safe="") for part in (found["USER"], found["PASSWORD"]) if part)
    where = f"{host}:{found['PORT']}" if host and not host.startswith("/") else ""
    query = f"?host={quote(host)}" if host.startswith("/") else ""
    ours = {name: value for name, value in os.environ.items() if name != "PHASEGATE_RESILIENCE_TIMEOUT_SECONDS"}
    return {
        **ours,
        "DJANGO_SETTINGS_MODULE": "orchestrator_site.settings",
        "DATABASE_URL": f"postgresql://{login}@{where}/{quote(found['NAME'], safe='')}{query}",
        "BROKER_URL": settings.CELERY_BROKER_URL,
        "RESULT_URL": settings.CELERY_RESULT_BACKEND,
        "CACHE_URL": settings.CACHES["default"]["LOCATION"],
    }
