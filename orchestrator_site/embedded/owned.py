"""Finding and ending a server process by more than its number: numbers are given again after a crash."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import psutil

from orchestrator_site.embedded.errors import ServerTimeout

_ENDED = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
_LOG_LIMIT = 5 * 1024 * 1024  # bytes, from which on a log is put aside at the next start


def process_in(pid_file: Path, mark: str) -> psutil.Process | None:
    """The living process whose number ``pid_file`` begins with, if its command line also bears ``mark``."""
    try:
        process = psutil.Process(int(pid_file.read_bytes().split()[0]))  # a path follows, in any encoding
        # The command line is readable for everyone, whereas exe and cwd are hidden from root in a container.
        return process if mark in " ".join(process.cmdline()) and alive(process) else None
    except (OSError, ValueError, IndexError, psutil.Error):
        return None


def alive(process: psutil.Process) -> bool:
    """Whether it still runs: a zombie, which waits for its parent to notice, does not."""
    try:
        return process.is_running() and process.status() not in _ENDED
    except psutil.Error:
        return False


def end(process: psutil.Process, wish: signal.Signals, *, grace: float, last: signal.Signals) -> None:
    """Ask with ``wish``, wait ``grace`` seconds, then insist with ``last``. Raises ``ServerTimeout``."""
    for demand, seconds in ((wish, grace), (last, 10.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, demand)
        if _gone(process, seconds):
            return
    raise ServerTimeout(f"Process {process.pid} does not end: look at it with `ps -p {process.pid} -f`.")


def _gone(process: psutil.Process, seconds: float) -> bool:
    with contextlib.suppress(ChildProcessError, psutil.Error):
        process.wait(timeout=seconds)
    return not alive(process)


def end_marked(mark: str) -> None:
    """End at once every process whose command line begins with ``mark``: what a killed parent left behind."""
    left = [process for process in psutil.process_iter(["cmdline"]) if _begins(process, mark)]
    for demand, seconds in ((signal.SIGQUIT, 2.0), (signal.SIGKILL, 5.0)):
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, demand)
        left = psutil.wait_procs(left, timeout=seconds)[1]
        if not left:
            return


def _begins(process: psutil.Process, mark: str) -> bool:
    return " ".join(process.info["cmdline"] or ()).startswith(mark)


def put_aside(log: Path) -> None:
    """Begin a new log where the old one has grown: one older is kept."""
    with contextlib.suppress(OSError):
        if log.stat().st_size > _LOG_LIMIT:
            log.replace(log.with_suffix(".old.log"))
