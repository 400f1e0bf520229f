"""Who runs the site of a ``var`` folder: one ``up`` at a time, found by a lock that cannot be stale."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from orchestrator_site.embedded.errors import AlreadyRunning, ServerTimeout
from orchestrator_site.embedded.locks import FileLock

_LOOK = 0.1  # seconds between two looks at a site that ends


def _lock(var: Path) -> FileLock:
    return FileLock(var / "up.pid")


@contextlib.contextmanager
def alone(var: Path) -> Iterator[None]:
    """Be the one that runs the site. Raises ``AlreadyRunning`` with the other's number."""
    lock = _lock(var)
    try:
        if not _taken(lock):
            raise AlreadyRunning(
                f"The site of {var} runs already, as process {lock.read().strip() or '?'}: "
                "use that one, or stop it with `make down`."
            )
        lock.write(f"{os.getpid()}\n")
        try:
            yield
        finally:
            lock.write("")
    finally:
        lock.release()


def _taken(lock: FileLock) -> bool:
    """Try more than once: who only asks whether somebody runs the site holds the lock for a moment."""
    for _ in range(5):
        if lock.try_take():
            return True
        time.sleep(_LOOK / 2)
    return False


def runner(var: Path) -> int | None:
    """The number of the process that runs the site, if one does."""
    if not (var / "up.pid").exists():
        return None
    lock = _lock(var)
    try:
        if lock.try_take():
            return None  # nobody holds it: what it says is about the past
        return int(lock.read())
    except ValueError:
        return None  # it has just begun, or is just gone
    finally:
        lock.release()


def end_runner(var: Path, timeout: float) -> int | None:
    """Have the process that runs the site end, and wait until it has; its number, or None if nothing ran.

    Raises ``ServerTimeout`` where it has not ended within ``timeout`` seconds.
    """
    number = runner(var)
    if number is None:
        return None
    with contextlib.suppress(ProcessLookupError):
        os.kill(number, signal.SIGTERM)
    until = time.monotonic() + timeout
    while runner(var) == number:
        if time.monotonic() > until:
            raise ServerTimeout(
                f"Process {number} has not ended after {timeout:.0f} s: end it with `kill -9 {number}`; its "
                "processes end with it, and nothing is lost."
            )
        time.sleep(_LOOK)
    return number
