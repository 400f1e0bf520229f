"""A whole site of its own to break: private servers behind proxies, real processes, an outside world that counts.

Everything of it lives below one folder, whose name stands in ``PHASEGATE_VAR_DIR`` before Django is set up
(``matrix.prepare``), so that nothing that is done here reaches servers of anybody else.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psutil
from django.db import DatabaseError, connection
from redis import Redis

from orchestrator_site.embedded import owned
from orchestrator_site.embedded.addresses import redis_socket, socket_folder
from orchestrator_site.embedded.postgres import Postgres
from orchestrator_site.embedded.redis import Redis as RedisServer
from orchestrator_site.embedded.server_user import server_user
from orchestrator_site.embedded.servers import Servers
from projects.models import Project, Worker
from tests.faults.proxy import Proxy
from tests.faults.site import Effects, Site
from tests.faults.skewed.sitecustomize import CLOCKS, RIGHT

T = TypeVar("T")
SKEWED = Path(__file__).parent / "skewed"

ROLES = ("control", "cpu", "io", "beat")
PROBE = """
phases:
  - key: one
    steps:
      - {key: list, agent: counts, params: {n: 3}}
      - {key: each, agent: counted, needs: [list], for_each: results.list.items, params: {n: "${item}"}}
      - {key: end, agent: counted-io, needs: [each]}
"""
MOST_CONNECTIONS = 70
"""Two a process of a pool, one a thread of the io worker, those of web's pool, and ours."""


class Arena:
    """The site, its servers and the proxies in between; all ended by ``close``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._servers = Servers(folder)
        self._users = self._servers.attach()
        user = server_user(folder)
        self._redis_server, self._postgres_server = RedisServer(folder, user), Postgres(folder, user)
        from orchestrator_site.embedded.schema import migrate_under_lock

        migrate_under_lock()
        self.redis = Proxy(redis_socket(folder))
        self.postgres = Proxy(socket_folder(folder) / ".s.PGSQL.5432")
        self.effects = Effects()
        self.faults = folder / "faults"
        self.logs = folder / "logs"
        for made in (self.faults, self.logs):
            made.mkdir()
        self.site = Site(self._environment(), self.logs)
        self.site.environment["PHASEGATE_PUBLISH_BOUND_SECONDS"] = "3"
        self.site.environment["PHASEGATE_BATCH_SECONDS"] = "0.3"  # there are batches on a busy machine, too
        self.wanted: set[str] = set(ROLES)
        self._key = ""
        self._wrong_clocks: dict[str, int] = {}

    def _environment(self) -> dict[str, str]:
        redis = f"redis://127.0.0.1:{self.redis.port}"
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "orchestrator_site.settings",
            "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{self.postgres.port}/phasegate",
            "BROKER_URL": f"{redis}/0",
            "RESULT_URL": f"{redis}/1",
            "CACHE_URL": f"{redis}/2",
            "EFFECTS_URL": self.effects.url,
            "PHASEGATE_FAULT": str(self.faults),
            **({"PYTHONPATH": f"{SKEWED}{os.pathsep}{Path.cwd()}", "SKEWED_BY_SIGNALS": "1"} if CLOCKS else {}),
        }

    def close(self) -> None:
        self.site.close()
        self.effects.close()
        connection.close()
        for proxy in (self.redis, self.postgres):
            proxy.close()
        self._servers.leave(self._users)

    # --- as it should be ---------------------------------------------------------------------------------------

    def heal(self) -> None:
        """Every process that is wanted runs, servers answer, nothing is armed, every link is sound."""
        for file in self.faults.iterdir():
            file.unlink()
        self.redis.heal()
        self.postgres.heal()
        self._servers.ensure()
        for name in set(self.site.running) - self.wanted:
            self.site.kill(name)
        for name in self.wanted & set(self.site.running):
            self.site.send(name, signal.SIGCONT)
        self._set_clocks_right()
        self.supervise()
        self._until(self._all_live, 40, "the workers did not come up")

    def supervise(self) -> None:
        """Start again what is wanted and died."""
        for name in self.site.dead():
            self.site.running.pop(name)
        self.site.start(*sorted(self.wanted - set(self.site.running)))

    def steady(self) -> float:
        """The steady state: a small project goes through every pool; in how many seconds."""
        from tests.faults.invariants import violations

        began = time.monotonic()
        project = self.begin(PROBE)
        self._until(lambda: self.look(project).is_over, 60, f"steady state: {project.pk} does not end")
        found = violations(project, self.effects)
        if self.look(project).state != "completed" or found:
            raise Unsteady(f"steady state: {self.look(project).state} {found}")
        self._until(lambda: self._waiting() < 6, 15, f"a worker is deaf: {self._waiting()} messages wait for nobody")
        return time.monotonic() - began

    def _waiting(self) -> int:
        """Messages that should have been taken: recovery is asked for twice a second, and sealing once."""
        with self.broker() as client:
            return sum(client.llen(name) for name in client.keys("phasegate:*") if client.type(name) == b"list")

    def leaks(self) -> list[str]:
        """Whatever of rows, sessions and connections is left that nobody has (I13)."""
        found: list[str] = []
        with contextlib.suppress(Unsteady):
            # A process that dies before it has its lock leaves a row that is forgotten after ten leases.
            self._until(lambda: not self._leaks(), 25, "")
        found += self._leaks()
        return [f"I13 {each}" for each in found]

    def _leaks(self) -> list[str]:
        found = []
        gone = [worker.name for worker in Worker.objects.all() if not psutil.pid_exists(worker.pid)]
        if gone:
            found.append(f"rows of workers that are dead: {gone}")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*), count(*) FILTER (WHERE state LIKE 'idle in transaction%' "
                "AND now() - state_change > interval '1 second') "
                "FROM pg_stat_activity WHERE backend_type = 'client backend'"
            )
            sessions, idle = cursor.fetchone()
        if idle:
            found.append(f"{idle} sessions idle in a transaction")
        if sessions > MOST_CONNECTIONS:
            found.append(f"{sessions} sessions")
        return found

    # --- doing and looking ---------------------------------------------------------------------------------------

    def begin(self, blueprint: str, inputs: dict[str, Any] | None = None, **options: Any) -> Project:
        """A project, begun."""
        from tests.builders import project_of

        return patiently(lambda: project_of(blueprint, inputs, **options))

    def begin_together(self, blueprint: str, inputs: dict[str, Any] | None = None, *, count: int) -> list[Project]:
        """Projects that have begun by one call, or one that has begun by itself."""
        from projects import orchestrator

        if count == 1:
            return [self.begin(blueprint, inputs)]
        made = [self.begin(blueprint, inputs, started=False) for _ in range(count)]
        begun = patiently(lambda: orchestrator.start_together(made))
        if len(begun) < count:
            raise Unsteady(f"{len(begun)} of {count} projects began")
        return made

    def look(self, project: Project) -> Project:
        """The project now."""
        return patiently(lambda: Project.objects.get(pk=project.pk))

    def log_of(self, name: str) -> str:
        """What a process has said."""
        return (self.logs / f"{name}.log").read_text()

    def key(self) -> str:
        """The API key of somebody who may do everything."""
        if not self._key:
            from orchestrator_site.access.actors import system_actor
            from orchestrator_site.access.roles import Role
            from orchestrator_site.access.services import create_key

            self._key = create_key(name="faults", role=Role.ADMIN, by=system_actor()).text
        return self._key

    @contextlib.contextmanager
    def broker(self) -> Iterator[Redis]:
        """The broker's Redis, not by the proxy."""
        with contextlib.closing(Redis(unix_socket_path=str(redis_socket(self.folder)))) as client:
            yield client

    def queued(self) -> dict[str, list[bytes]]:
        """The messages of each queue of the pools."""
        with self.broker() as client:
            names = [name for name in client.keys("phasegate:*.normal") if client.type(name) == b"list"]
            return {name.decode(): client.lrange(name, 0, -1) for name in names}

    # --- breaking ------------------------------------------------------------------------------------------------

    def flush_redis(self) -> None:
        with self.broker() as client:
            client.flushall()

    def restart_redis_empty(self, seconds: float = 0.5) -> None:
        """SIGKILL, and all it had written is gone."""
        process = owned.process_in(self._redis_server._pid_file, self._redis_server._mark)
        assert process is not None
        process.kill()
        process.wait(5)
        shutil.rmtree(self._redis_server._home / "appendonlydir", ignore_errors=True)
        for file in self._redis_server._home.glob("*.[ar][od][fb]"):
            file.unlink()
        time.sleep(seconds)
        self._redis_server.start()

    def restart_postgres(self, seconds: float = 0.3) -> None:
        """An immediate shutdown, as of a machine that loses its power, and a start with recovery from the log."""
        connection.close()
        process = owned.process_in(self._postgres_server._pid_file, self._postgres_server._mark)
        assert process is not None
        process.send_signal(signal.SIGQUIT)
        psutil.wait_procs([process], timeout=10)
        time.sleep(seconds)
        self._postgres_server.start()

    def terminate_backends(self) -> int:
        """Every session but ours ends."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            return int(cursor.fetchone()[0])

    def set_clock(self, name: str, number: int) -> None:
        """Have the clock of a process and its children jump, or go right again."""
        process = self.site.running.get(name)
        wrong = self._wrong_clocks.pop(name, None)
        if process is None or (wrong is not None and wrong != process.pid):  # what was started since is right
            return
        self.site.send(name, number)
        if number != RIGHT:
            self._wrong_clocks[name] = process.pid

    def _set_clocks_right(self) -> None:
        for name in list(self._wrong_clocks):
            self.set_clock(name, RIGHT)

    # --- how -----------------------------------------------------------------------------------------------------

    def _all_live(self) -> bool:
        alive = {worker.pid for worker in Worker.objects.all()}
        for name in self.wanted & set(self.site.running):
            if self.site.running[name].poll() is not None:
                self.supervise()
                return False
            if name.startswith("io") and self.site.running[name].pid not in alive:
                return False
            if name.startswith(("cpu", "control")):
                children = {child.pid for child in self.site.children(name)}
                if not children or not children <= alive:
                    return False
        return True

    def _until(self, holds: Callable[[], bool], seconds: float, otherwise: str) -> None:
        until = time.monotonic() + seconds
        while not patiently(holds):
            if time.monotonic() > until:
                raise Unsteady(otherwise)
            time.sleep(0.05)


class Unsteady(Exception):
    """The site is not as it should be before anything was broken, or after it was mended."""


def patiently(function: Callable[[], T], seconds: float = 15) -> T:
    """What a function gives that asks the database, which may be away for a moment."""
    until = time.monotonic() + seconds
    while True:
        try:
            return function()
        except DatabaseError:
            connection.close()
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
