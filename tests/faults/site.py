"""Real processes of the product under test: web, workers and beat, which tests start, stop and kill."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil

from orchestrator_site.embedded import processes
from orchestrator_site.embedded.role import Role
from projects.models import Project
from tests.faults.quick import QUICK


class Effects:
    """A service outside the product that knows idempotency keys: a second call with a key has no effect."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        """Calls by key, repeated ones too."""
        self.keys: dict[str, set[str]] = {}
        """Keys by project and step: each is one effect."""
        self._lock = threading.Lock()
        effects = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                effects._called(self.path)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _called(self, path: str) -> None:
        given = urlsplit(path)
        key = given.path.strip("/")
        with self._lock:
            self.calls[key] += 1
            for step in parse_qs(given.query).get("step", []):
                self.keys.setdefault(step, set()).add(key)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Site:
    """Web, workers and beat as processes of their own, each in its own process group.

    A second one of a kind has a name of its own after a space: ``cpu two``.
    """

    def __init__(self, environment: dict[str, str], logs: Path) -> None:
        self.environment = environment | QUICK
        self.logs = logs
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.web_port = 0

    def start(self, *names: str, **environment: str) -> None:
        for name in names:
            role = self._role(name.partition(" ")[0])
            argv = list(role.argv)
            if " " in name and "-n" in argv:  # a second worker of a kind needs a node name of its own
                argv[argv.index("-n") + 1] = f"{name.replace(' ', '-')}@%h"
            with (self.logs / f"{name}.log").open("ab") as log:
                self.running[name] = subprocess.Popen(
                    argv,
                    env=self.environment | dict(role.env) | environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )

    def _role(self, kind: str) -> Role:
        if kind == "beat":
            return processes.beat()
        if kind == "web":
            self.web_port = self.web_port or _free_port()
            return processes.web(port=self.web_port)
        return processes.workers(kind)[0]

    # --- what happens to them ----------------------------------------------------------------------------------

    def kill(self, name: str) -> None:
        """SIGKILL to the whole process group."""
        process = self.running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def send(self, name: str, number: int) -> None:
        """A signal to the whole process group: SIGSTOP and SIGCONT mostly."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.running[name].pid, number)

    def end(self, name: str, number: signal.Signals = signal.SIGTERM, seconds: float = 20) -> int:
        """Tell the main process alone to stop, as a supervisor does, and wait for it; its exit status."""
        process = self.running.pop(name)
        process.send_signal(number)
        return process.wait(seconds)

    def children(self, name: str) -> list[psutil.Process]:
        """The children of a pool of processes."""
        return psutil.Process(self.running[name].pid).children()

    def kill_child(self, name: str, place: int) -> int:
        """SIGKILL to one child of a pool; its number."""
        children = sorted(self.children(name), key=lambda child: child.pid)
        victim = children[place % len(children)]
        victim.kill()
        return victim.pid

    def dead(self) -> list[str]:
        """Those that were started and are no more."""
        return [name for name, process in self.running.items() if process.poll() is not None]

    def start_again(self) -> list[str]:
        """What a supervisor does: start the dead ones again; which it were."""
        dead = self.dead()
        for name in dead:
            self.running.pop(name)
        self.start(*dead)
        return dead

    def close(self) -> None:
        for name in list(self.running):
            self.kill(name)

    def log(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in sorted(self.logs.glob("*.log")))


def _free_port() -> int:
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        return int(plug.getsockname()[1])


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
