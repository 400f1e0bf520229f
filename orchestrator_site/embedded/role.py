"""A supervised process: what to run, and one run of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_LEASH = Path(__file__).with_name("leash.py")
_KEPT_LINES = 15  # of a process's last words, for the message when it dies too often
_LONGEST_LINE = 64 * 1024  # bytes; a longer line is cut in pieces rather than kept in memory
_AT_ONCE = 64 * 1024  # bytes read in one go


@dataclass(frozen=True, slots=True)
class Role:
    """What one process of the site does, and how it is to be ended.

    ``stage`` orders the stop: lower stages end first. ``grace`` is how many seconds it has between the wish
    to end (SIGTERM) and SIGKILL. ``ready`` says whether it works by now; without one, having started is
    enough.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    stage: int = 0
    grace: float = 10.0
    ready: Callable[[], bool] | None = None


class Process:
    """One run of a role, in a session of its own, so that Ctrl-C reaches the supervisor alone."""

    def __init__(self, role: Role, folder: Path) -> None:
        """Start it, in ``folder``."""
        self.role = role
        self.last_words: deque[str] = deque(maxlen=_KEPT_LINES)
        self._partial = b""
        leash = [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid())]
        self._popen = subprocess.Popen(
            [*leash, *role.argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **role.env},
            start_new_session=True,
        )
        self.pid = self._popen.pid
        self.output = self._popen.stdout.fileno() if self._popen.stdout else -1
        os.set_blocking(self.output, False)

    def exit_status(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._popen.poll()

    def read_lines(self) -> list[str] | None:
        """The whole lines it has written since the last call; None at the end of its output."""
        try:
            chunk = os.read(self.output, _AT_ONCE)
        except BlockingIOError:
            return []
        if not chunk:
            return None
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        if len(self._partial) > _LONGEST_LINE:
            lines, self._partial = [*lines, self._partial], b""
        decoded = [line.decode(errors="replace").rstrip("\r") for line in lines]
        self.last_words.extend(decoded)
        return decoded

    def wish_end(self) -> None:
        """Ask its main process to end; what that started is that process's to end."""
        with contextlib.suppress(ProcessLookupError):
            self._popen.terminate()

    def kill(self) -> None:
        """End it and everything in its process group on the spot."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> list[str]:
        """Forget it, once ended: kill what is left of its group, and give back the lines not yet read."""
        self.kill()
        rest: list[str] = []
        while lines := self.read_lines():
            rest += lines
        if self._partial:
            rest.append(self._partial.decode(errors="replace"))
            self.last_words.append(rest[-1])
        if self._popen.stdout:
            self._popen.stdout.close()
        return rest


def describe(status: int) -> str:
    """An exit status in words."""
    if status >= 0:
        return f"exit status {status}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-status).name
    return f"signal {-status}"
