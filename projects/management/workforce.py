"""Workers for the time of a command, where none are alive."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from celery import current_app
from django.db.models.functions import Now
from kombu.exceptions import OperationalError as BrokerError

from orchestrator_site.commanding.output import ServerUnavailable
from orchestrator_site.conf import BASE_DIR, conf
from orchestrator_site.embedded import processes
from orchestrator_site.embedded.errors import CrashLoop
from orchestrator_site.embedded.role import Role
from orchestrator_site.embedded.supervisor import Supervisor
from projects.models import Worker

_START_UP = 15.0  # seconds given to workers that still start when they are no longer needed
_MISSED_BEATS = 2.5  # heartbeats after which a worker counts as gone, for want of a better sign


def somebody_works() -> bool:
    """Whether a worker has said within the last moments that it lives; one of this machine must also be there."""
    moments = timedelta(seconds=conf().heartbeat_seconds * _MISSED_BEATS)
    here = socket.gethostname()
    seen = Worker.objects.filter(seen_at__gt=Now() - moments).values_list("host", "pid")
    return any(host != here or psutil.pid_exists(pid) for host, pid in seen)


def require_broker() -> None:
    """Raise ``ServerUnavailable`` unless the broker answers."""
    try:
        with current_app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=3)
    except BrokerError as error:
        raise ServerUnavailable(f"The broker (BROKER_URL) does not answer: {error}") from None


class Workforce:
    """Sees to it that somebody works: ``ensure`` starts workers if nobody has for ``patience`` seconds.

    They end with the block. What they write goes to a log file in ``var/log``.
    """

    def __init__(
        self,
        log_name: str,
        tell: Callable[[str], None],
        *,
        patience: float = 1.0,
        roles: list[Role] | None = None,
    ) -> None:
        self.log = conf().var_dir / "log" / log_name
        self.own = False
        self._tell = tell
        self._patience = patience
        self.roles = roles
        self._idle_since: float | None = None
        self._stack = ExitStack()
        self._supervisor: Supervisor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what was started."""
        if self._supervisor is not None and error is None:
            self._tell("Stopping the workers …")
            with suppress(CrashLoop):  # one that still starts would not hear that it is to end
                self._supervisor.wait_ready(_START_UP)
        self._stack.__exit__(kind, error, trace)

    def ensure(self) -> None:
        """Start workers if nobody works; raises what ended those that were started (``CrashLoop``)."""
        if self._supervisor is not None:
            self._supervisor.check()
            return
        if somebody_works():
            self._idle_since = None
            return
        now = time.monotonic()
        self._idle_since = self._idle_since if self._idle_since is not None else now
        if now - self._idle_since >= self._patience:
            self._tell(f"No worker runs: starting some for the time of this command (log: {self.log}).")
            self.start()

    def start(self) -> Supervisor:
        """Start them now. Raises ``ServerUnavailable`` where they would wait for a broker in vain."""
        require_broker()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        log = self._stack.enter_context(self.log.open("w", encoding="utf-8", buffering=1))
        roles = self.roles if self.roles is not None else [*processes.workers(), processes.beat()]
        supervisor = Supervisor(roles, write=lambda line: _append(log.write, line), folder=BASE_DIR)
        self._supervisor = self._stack.enter_context(supervisor)
        self.own = True
        return self._supervisor


def _append(write: Callable[[str], int], line: str) -> None:
    write(f"{line}\n")


def last_lines(log: Path, count: int = 8) -> list[str]:
    """The end of a log; nothing where there is none."""
    try:
        return log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
    except OSError:
        return []
