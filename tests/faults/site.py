"""Real processes of the product under test: workers and beat, which tests start, stop and kill."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from orchestrator_site.embedded import processes
from orchestrator_site.embedded.role import Role
from projects.models import Project

QUICK = {
    "PHASEGATE_LEASE_SECONDS": "2",
    "PHASEGATE_HEARTBEAT_SECONDS": "0.5",
    "PHASEGATE_RECOVERY_SECONDS": "0.5",
    "PHASEGATE_AGENT_MODULES": "tests.faults.agents",
}


class Effects:
    """A service outside the product that counts calls by idempotency key."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        effects = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                effects.calls[self.path.strip("/")] += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Site:
    """Workers and beat as processes of their own, each in its own process group."""

    def __init__(self, environment: dict[str, str], logs: Path) -> None:
        self.environment = environment | QUICK
        self.logs = logs
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str, **environment: str) -> None:
        for name in names:
            role: Role = processes.beat() if name == "beat" else processes.workers(name.partition(" ")[0])[0]
            argv = list(role.argv)
            if " " in name:  # a second worker of a kind needs a node name of its own
                argv[argv.index("-n") + 1] = f"{name.replace(' ', '-')}@%h"
            log = (self.logs / f"{name}.log").open("ab")
            self.running[name] = subprocess.Popen(
                argv,
                env=self.environment | dict(role.env) | environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """SIGKILL to the whole process group."""
        process = self.running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def close(self) -> None:
        for name in list(self.running):
            self.kill(name)

    def log(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in self.logs.glob("*.log"))


def wait_until(holds: Callable[[], bool], seconds: float = 40, site: Site | None = None) -> None:
    """Wait for a condition; when it does not come, show what the processes said."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds} s\n{site.log() if site else ''}")
        time.sleep(0.02)


def over(project: Project) -> Callable[[], bool]:
    """Whether a project is over."""
    return lambda: Project.objects.get(pk=project.pk).is_over
