"""Having the embedded servers run for as long as somebody works with them.

Whoever comes first starts them, whoever comes later uses them, and the last to leave stops them: an earlier
owner that ends takes nothing from those still at work. Two locks in ``var`` decide. ``servers.lock`` is held
alone while servers are started or stopped, so that two that come at the same moment do not both start.
``users.lock`` is shared by everyone at work; who can have it alone is the last. Both fall with their process:
after SIGKILL the servers run on, and the next to come adopts them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from orchestrator_site.embedded.addresses import socket_folder
from orchestrator_site.embedded.errors import FolderUnusable
from orchestrator_site.embedded.locks import FileLock, held
from orchestrator_site.embedded.postgres import Postgres
from orchestrator_site.embedded.redis import Redis
from orchestrator_site.embedded.server_user import server_user

Server = Postgres | Redis


class Servers:
    """The embedded servers of one ``var`` folder, those of them that are wanted."""

    def __init__(self, var: Path, *, postgres: bool = True, redis: bool = True) -> None:
        """Wanted are those whose address the environment does not name."""
        self._var = var.absolute()
        user = server_user(self._var)
        self._servers: list[Server] = []
        if redis:
            self._servers.append(Redis(self._var, user))
        if postgres:
            self._servers.append(Postgres(self._var, user))

    def ensure(self) -> list[str]:
        """Start what does not answer, and name it. Raises ``EmbeddedServerError``.

        Cheap while all is well: it takes the lock only when something is missing.
        """
        if all(server.ready() for server in self._servers):
            return []
        with self._alone():
            return self._start()

    def answering(self) -> list[str]:
        """The names of those that run and answer."""
        return [server.name for server in self._servers if server.ready()]

    def attach(self) -> FileLock:
        """Have them run, and count as a user of theirs until the lock given back is handed to ``leave``."""
        self._make_folders()
        users = FileLock(self._var / "users.lock")
        try:
            with self._alone():
                users.share()
                self._start()
        except BaseException:
            self.leave(users)
            raise
        return users

    def leave(self, users: FileLock) -> bool:
        """Stop them if nobody else works with them; say whether they were stopped."""
        with self._alone():
            try:
                last = users.try_take()
                if last:
                    self._stop()
            finally:
                users.release()
        return last

    def _start(self) -> list[str]:
        missing = [server for server in self._servers if not server.ready()]
        for server in missing:
            try:
                server.start()
            except (OSError, subprocess.SubprocessError) as error:
                raise FolderUnusable(
                    f"{server.name} cannot be started in {self._var} ({error}): run as its owner, "
                    "or name servers of your own in DATABASE_URL and BROKER_URL."
                ) from error
        return [server.name for server in missing]

    def _stop(self) -> None:
        # Signals that would end us wait: half a stop would leave a server that nobody looks after.
        with _deaf():
            for server in self._servers:
                server.stop()
            with contextlib.suppress(OSError):  # sockets are still in it where one server is not ours to stop
                socket_folder(self._var).rmdir()

    def _alone(self) -> contextlib.AbstractContextManager[None]:
        return held(self._var / "servers.lock")

    def _make_folders(self) -> None:
        try:
            (self._var / "log").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FolderUnusable(f"{self._var} cannot be made: {error.strerror}.") from error
        if not os.access(self._var, os.W_OK | os.X_OK):
            raise FolderUnusable(f"{self._var} belongs to another user: remove it, or run as that user.")


@contextlib.contextmanager
def running(var: Path, *, postgres: bool = True, redis: bool = True) -> Iterator[Servers]:
    """The embedded servers of ``var``, running and answering for the length of the block.

    SIGTERM and SIGHUP end the block like Ctrl-C does, unless the program handles them itself.
    Raises ``EmbeddedServerError``.
    """
    servers = Servers(var, postgres=postgres, redis=redis)
    with _ended_in_order():
        users = servers.attach()
        try:
            yield servers
        finally:
            servers.leave(users)


def stop_unused(var: Path) -> list[str] | None:
    """Stop servers that a killed owner left behind, and name them; None where somebody works with them."""
    if not (var / "users.lock").exists():
        return []
    servers = Servers(var)
    left = servers.answering()
    return left if servers.leave(FileLock(var / "users.lock")) else None


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """Turn the signals that would end Python on the spot into an exit that runs ``finally``."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, _exit)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exit(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    blocked = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
