"""Named points at which tests make a process die, wait or fail; nothing happens there otherwise.

``PHASEGATE_FAULT=point:action`` or ``point:action@n`` (only at the n-th pass of this process), several by comma.
Actions: ``kill`` (SIGKILL to this process), ``exit``, ``raise``, ``stop`` (SIGSTOP), ``sleep=seconds``. With
``PHASEGATE_FAULT_ONCE=folder`` each fault happens once over all processes, and its marker file shows that it did.
In production settings the start is refused where one is named.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path

_faults = {
    point: action
    for part in os.environ.get("PHASEGATE_FAULT", "").split(",")
    if part
    for point, _, action in [part.partition(":")]
}
_passes: Counter[str] = Counter()


class FaultInjected(Exception):
    """A test asked for this failure."""


def point(name: str) -> None:
    """Pass a named point."""
    if not _faults or name not in _faults:
        return
    action, _, at = _faults[name].partition("@")
    _passes[name] += 1
    if at and _passes[name] != int(at):
        return
    if _first_of_all(name):
        _happen(name, action)


def _first_of_all(name: str) -> bool:
    folder = os.environ.get("PHASEGATE_FAULT_ONCE")
    if folder is None:
        return True
    try:
        (Path(folder) / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _happen(name: str, action: str) -> None:
    match action.split("="):
        case ["kill"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["exit"]:
            os._exit(70)
        case ["stop"]:
            os.kill(os.getpid(), signal.SIGSTOP)
        case ["sleep", seconds]:
            time.sleep(float(seconds))
        case ["raise"]:
            raise FaultInjected(f"fault at {name}")
        case _:
            raise ValueError(f"PHASEGATE_FAULT: there is no action {action!r} (kill, exit, stop, raise, sleep=s)")
