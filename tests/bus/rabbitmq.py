"""A RabbitMQ of the tests' own: its own ports, its own folder, gone with the tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import kombu

_STARTING = 90.0  # seconds
_PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def program() -> Path | None:
    """Where RabbitMQ is, where it is: not Debian's wrapper, which wants to be run as its own user."""
    if _PROGRAM.exists():
        return _PROGRAM
    found = shutil.which("rabbitmq-server")
    return Path(found) if found else None


class RabbitMQ:
    """One node. ``start`` after ``kill`` finds what it had."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port, self._distribution, self._names = _free_port(), _free_port(), _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        self.url = f"amqp://guest:guest@127.0.0.1:{self._port}//"

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "rabbitmq.conf").write_text("loopback_users = none\nlog.file.level = warning\n")
        (self._folder / "enabled_plugins").write_text("[].\n")
        with (self._folder / "out.log").open("ab") as log:
            # Of our own, or the server would leave a daemon behind that nobody ends.
            names = ["epmd", "-port", str(self._names), "-address", "127.0.0.1"]
            self._epmd = self._epmd or subprocess.Popen(names, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            self._process = subprocess.Popen(
                [str(program())],
                env=os.environ | self._environment(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._wait()

    def _environment(self) -> dict[str, str]:
        return {
            "HOME": str(self._folder),
            "RABBITMQ_NODENAME": f"phasegate{self._port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_MNESIA_BASE": str(self._folder / "data"),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(self._folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(self._folder / "none.conf"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
            "ERL_EPMD_PORT": str(self._names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def _wait(self) -> None:
        until = time.monotonic() + _STARTING
        while True:
            try:
                with kombu.Connection(self.url, connect_timeout=1) as connection:
                    connection.connect()
                return
            except Exception as error:
                assert self._process is not None
                if self._process.poll() is not None or time.monotonic() > until:
                    log = (self._folder / "out.log").read_text()[-2000:]
                    raise AssertionError(f"RabbitMQ does not start: {error}\n{log}") from error
                time.sleep(0.2)

    def kill(self) -> None:
        """SIGKILL to the server and all that it has started."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)

    def close(self) -> None:
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait(10)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
