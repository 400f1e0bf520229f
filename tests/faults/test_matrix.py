"""The scenarios of the fault matrix that take seconds, against a site of their own that stays up between them.

All of them, and in many rounds: ``make faults ROUNDS=20``. A failure names its seed; the same again is
``python -m tests.faults.matrix --only "…" --round-seed SEED``.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.rounds import Scenario
from tests.faults.scenarios import SCENARIOS

pytestmark = pytest.mark.workers

ROOT = Path(__file__).resolve().parent.parent.parent


class Served:
    """A process with an arena, to which scenarios are named by lines."""

    def __init__(self) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.matrix", "--serve"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert self._line() == "ready", "the arena did not come up"

    def play(self, scenario: Scenario, seed: int) -> dict[str, Any]:
        assert self.popen.stdin
        self.popen.stdin.write(json.dumps({"scenario": scenario.address, "seeds": [seed]}) + "\n")
        line = self._line()
        assert line, "the arena has ended"
        return dict(json.loads(line))

    def close(self) -> None:
        try:
            self.popen.communicate(timeout=40)
        except subprocess.TimeoutExpired:
            self.popen.kill()

    def _line(self) -> str:
        assert self.popen.stdout
        return self.popen.stdout.readline().strip()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    arena = Served()
    yield arena
    arena.close()


def _param(scenario: Scenario) -> Any:
    marks: list[Any] = [] if scenario.quick else [pytest.mark.slow_faults, pytest.mark.timeout(300)]
    if scenario.skipped:
        marks.append(pytest.mark.skip(reason=scenario.skipped))
    if scenario.xfail:
        marks.append(pytest.mark.xfail(reason=scenario.xfail, strict=False))
    return pytest.param(scenario, id=scenario.address, marks=marks)


@pytest.mark.parametrize("scenario", [_param(scenario) for scenario in SCENARIOS])
def test_what_breaks_heals_and_breaks_no_promise(served: Served, scenario: Scenario) -> None:
    seed = int(os.environ.get("FAULTS_SEED", "0")) or random.SystemRandom().getrandbits(32)

    result = served.play(scenario, seed)

    assert not result["violations"], f"seed {seed}\n" + "\n".join(result["violations"]) + "\n" + result["logs"]
    assert result["fired"], f"seed {seed}: the fault did not happen"
