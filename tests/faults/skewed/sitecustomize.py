"""Python imports this first where this folder is on its path: a signal sets the clock of the process wrong, or right.

The handlers are there after a fork, too, and so is the wrong time.
"""

from __future__ import annotations

import importlib.util
import os
import signal

CLOCKS = hasattr(signal, "SIGRTMIN") and importlib.util.find_spec("time_machine") is not None
"""Whether clocks can be set here at all: macOS has no signals to spare."""
AHEAD, BACK, RIGHT = (getattr(signal, "SIGRTMIN", 0) + number for number in (5, 6, 7))
HOURS = {AHEAD: 2, BACK: -2, RIGHT: 0}

if os.environ.get("SKEWED_BY_SIGNALS"):
    import datetime
    from typing import Any

    import time_machine

    _travels: list[Any] = []

    def _jump(number: int, _frame: object) -> None:
        while _travels:
            _travels.pop().stop()
        if hours := HOURS[number]:
            wrong = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=hours)
            _travels.append(time_machine.travel(wrong, tick=True))
            _travels[-1].start()

    for _number in HOURS:
        signal.signal(_number, _jump)
