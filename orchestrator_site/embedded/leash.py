"""Run a program that dies with its parent: ``leash.py PARENT_PID PROGRAM [ARGUMENT]...``.

Run as a script, by path, before anything of ours is imported: setting this up between fork and exec in a
process with threads could lock up, whereas here is one thread. Elsewhere than on Linux it only runs the
program.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    """Become the program. Ends silently where the parent is gone already."""
    parent, program = int(argv[1]), argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before it could be noticed
            raise SystemExit(1)
    os.execv(program[0], program)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv)
