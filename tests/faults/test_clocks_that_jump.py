"""A signal sets the clock of a running process wrong, and right again."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from tests.faults.arena import SKEWED
from tests.faults.skewed.sitecustomize import AHEAD, BACK, CLOCKS, RIGHT

pytestmark = pytest.mark.skipif(not CLOCKS, reason="time_machine or the signals that set clocks are not there")

SAYS_ITS_TIME = "import sys, time\nfor _ in sys.stdin: print(time.time(), time.monotonic(), flush=True)"


def test_a_running_process_lives_two_hours_ahead_then_two_behind_and_then_in_its_time() -> None:
    environment = os.environ | {"PYTHONPATH": str(SKEWED), "SKEWED_BY_SIGNALS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", SAYS_ITS_TIME], env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:

        def wrong_by() -> float:
            assert process.stdin
            assert process.stdout
            process.stdin.write("\n")
            process.stdin.flush()
            told, monotonic = map(float, process.stdout.readline().split())
            assert abs(monotonic - time.monotonic()) < 60
            return round((told - time.time()) / 3600, 1)

        seen = [wrong_by()]
        for number in (AHEAD, BACK, RIGHT):
            process.send_signal(number)
            seen.append(wrong_by())
        process.kill()

    assert seen == [0, 2, -2, 0]
