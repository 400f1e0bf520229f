"""Named points at which tests make a process die, wait or fail; nothing happens there otherwise.

``PHASEGATE_FAULT=point:action`` or ``point:action@n`` (only at the n-th pass of this process), several by comma.
Actions: ``kill`` (SIGKILL to this process), ``killgroup`` (to its whole process group: a worker with its children),
``exit``, ``raise``, ``stop`` (SIGSTOP), ``sleep=seconds``. With ``PHASEGATE_FAULT_ONCE=folder`` each fault happens once
over all processes, and its marker file shows that it did.

``PHASEGATE_FAULT=/folder`` arms faults while the processes run: a file of that folder that has the name of a point
holds ``action``, ``action@n``, or either and after a space the ``PHASEGATE_PROCESS`` that it is for. The first process
to come there renames it to ``point.fired``, writes its number into it, and has the fault.

In production settings the start is refused where one is named.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path

_named = os.environ.get("PHASEGATE_FAULT", "")
_folder = Path(_named) if _named.startswith("/") else None
_faults = {
    point: action
    for part in ("" if _folder else _named).split(",")
    if part
    for point, _, action in [part.partition(":")]
}
_passes: Counter[str] = Counter()


class FaultInjected(Exception):
    """A test asked for this failure."""


def point(name: str) -> None:
    """Pass a named point."""
    if _folder is not None:
        _armed(_folder / name)
    if not _faults or name not in _faults:
        return
    action, _, at = _faults[name].partition("@")
    _passes[name] += 1
    if at and _passes[name] != int(at):
        return
    if _first_of_all(name):
        _happen(name, action)


def _armed(file: Path) -> None:
    """Have the fault that a test has armed here meanwhile, if it is for this process and no other had it."""
    try:
        wanted, armed_at = file.read_text(), file.stat().st_mtime_ns
    except FileNotFoundError:
        return
    action, _, process = wanted.strip().partition(" ")
    if process and process != os.environ.get("PHASEGATE_PROCESS"):
        return
    action, _, at = action.partition("@")
    passed = f"{file.name} {armed_at}"
    _passes[passed] += 1
    if at and _passes[passed] < int(at):
        return
    fired = file.with_suffix(".fired")
    try:
        file.rename(fired)
    except FileNotFoundError:
        return
    fired.write_text(str(os.getpid()))
    _happen(file.name, action)


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
        case ["killgroup"]:
            os.killpg(os.getpgrp(), signal.SIGKILL)
        case ["exit"]:
            os._exit(70)
        case ["stop"]:
            os.kill(os.getpid(), signal.SIGSTOP)
        case ["sleep", seconds]:
            time.sleep(float(seconds))
        case ["raise"]:
            raise FaultInjected(f"fault at {name}")
        case _:
            raise ValueError(f"PHASEGATE_FAULT: there is no action {action!r}")
