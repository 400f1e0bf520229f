"""Locks between processes that end with the process that held them, however it ended."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from orchestrator_site.embedded.errors import FolderUnusable


class FileLock:
    """One lock file, open. Shared or exclusive, as ``flock(2)`` has it."""

    def __init__(self, path: Path) -> None:
        """Open ``path``, made where it is missing. Raises ``FolderUnusable``."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise FolderUnusable(
                f"{path} cannot be opened ({error.strerror}): give its folder to the user who runs this."
            ) from error

    def share(self) -> None:
        """Hold it together with others; waits for an exclusive holder."""
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def take(self) -> None:
        """Hold it alone; waits for every other holder."""
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def try_take(self) -> bool:
        """Hold it alone, now or not at all. What was shared before is given up either way."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def write(self, text: str) -> None:
        """Leave ``text`` in the file, for whoever finds it locked."""
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, text.encode(), 0)

    def read(self) -> str:
        """What the holder left there."""
        return os.pread(self._file, 256, 0).decode(errors="replace")

    def release(self) -> None:
        """Give it up, in forked children too, and close the file."""
        with contextlib.suppress(OSError):
            fcntl.flock(self._file, fcntl.LOCK_UN)
        os.close(self._file)


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Alone with ``path`` locked, for the length of the block."""
    lock = FileLock(path)
    try:
        lock.take()
        yield
    finally:
        lock.release()
