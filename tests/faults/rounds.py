"""A round: one run of a scenario, from the project that is begun to what is seen of its end."""

from __future__ import annotations

import json
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from projects.models import Project, Step
from tests.faults.arena import Arena, Unsteady, patiently
from tests.faults.plans import FAN_OUT_AND_JOIN


class Round:
    """One run of a scenario: what was begun, what was armed, and when it broke."""

    def __init__(self, arena: Arena, scenario: Scenario, seed: int) -> None:
        self.arena = arena
        self.scenario = scenario
        self.rng = random.Random(seed)
        self.projects: list[Project] = []
        self.fired = 0
        self.broken_at: float | None = None
        self.supervised = True
        self._armed: list[str] = []

    def begin(self, blueprint: str | None = None, inputs: dict[str, Any] | None = None) -> Project:
        """A project, on its way; of several that begin together the last one."""
        self.projects += self.arena.begin_together(
            blueprint or self.scenario.blueprint, inputs, count=self.scenario.together
        )
        return self.projects[-1]

    def arm(self, point: str, action: str, passes: int = 0, process: str = "") -> None:
        """Have a fault happen at the named point: at one of the first ``passes`` of whichever process comes."""
        at = f"@{self.rng.randint(1, passes)}" if passes > 1 else ""
        draft = self.arena.faults / f"{point}.draft"
        draft.write_text(f"{action}{at} {process}".strip())
        draft.rename(self.arena.faults / point)
        if not action.startswith("sleep"):  # which only holds a process where something else is to break
            self._armed.append(point)

    def wait_fired(self, point: str, seconds: float = 20) -> int:
        """Wait for an armed fault; the number of the process that had it."""
        file = self.arena.faults / f"{point}.fired"
        until = time.monotonic() + seconds
        # What was armed is renamed first, and then says whose it was.
        while not (file.exists() and (number := file.read_text()).isdigit()):
            self.look_after(until, f"the fault at {point} did not happen")
        return int(number)

    def wait_done(self, project: Project, share: float) -> None:
        """Wait until so large a share of the project's steps is completed, or the project is over."""
        until = time.monotonic() + 30
        while not patiently(lambda: self._share(project) >= share or Project.objects.get(pk=project.pk).is_over):
            self.look_after(until, "the project did not come so far")

    def wait(self, holds: Callable[[], bool], what: str, seconds: float = 20) -> None:
        until = time.monotonic() + seconds
        while not patiently(holds):
            self.look_after(until, what)

    def look_after(self, until: float, otherwise: str) -> None:
        """A moment's wait, in which dead processes are started again."""
        if time.monotonic() > until:
            raise Unsteady(otherwise)
        if self.supervised:
            self.arena.supervise()
        time.sleep(0.02)

    def broke(self, times: int = 1) -> None:
        """Note that the fault has happened now."""
        self.fired += times
        self.broken_at = self.broken_at or time.monotonic()

    def count_armed(self) -> None:
        """Note the faults that were armed and have happened."""
        for point in set(self._armed):
            file = self.arena.faults / f"{point}.fired"
            if file.exists():
                self.fired += 1
                ago = time.time() - file.stat().st_ctime
                moment = time.monotonic() - ago
                self.broken_at = min(self.broken_at or moment, moment)

    def steps(self, project: Project, key: str) -> Step:
        return patiently(lambda: Step.objects.filter(project=project, key=key).order_by("-round")[0])

    def _share(self, project: Project) -> float:
        states = list(Step.objects.filter(project=project).values_list("state", flat=True))
        planned = max(len(states), 12 if "for_each" in self.scenario.blueprint else 1)
        return sum(state == "completed" for state in states) / planned

    # --- over the API ----------------------------------------------------------------------------------------------

    def ask(self, path: str, body: dict[str, Any], key: str = "", seconds: float = 10) -> tuple[int, Any]:
        """POST to the web process; status and answer. Status 0: the connection broke, nobody knows what happened."""
        headers = {"Authorization": f"Api-Key {self.arena.key()}", "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        url = f"http://127.0.0.1:{self.arena.site.web_port}/api/v2/orchestrator/{path}"
        request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310 our own
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}")
        except (OSError, ValueError):
            return 0, None

    def ask_until_answered(self, path: str, body: dict[str, Any], key: str = "") -> tuple[int, Any]:
        """The same, sent again for as long as the connection breaks, as a client with an Idempotency-Key may."""
        until = time.monotonic() + 40
        while True:
            status, answer = self.ask(path, body, key)
            if status not in (0, 500, 502, 503):
                return status, answer
            self.look_after(until, f"{path} was never answered")
            time.sleep(0.2)


@dataclass(frozen=True)
class Scenario:
    """Something that breaks, at a moment, in the middle of a project."""

    name: str
    moment: str
    inject: Callable[[Round], None]
    blueprint: str = FAN_OUT_AND_JOIN
    ends: str = "completed"
    within: float = 20.0
    quick: bool = False
    web: bool = False
    expect: Callable[[Round], Iterable[str]] = field(default=lambda _round: ())
    together: int = 1
    skipped: str = ""
    xfail: str = ""

    @property
    def address(self) -> str:
        """Its name on the command line."""
        return f"{self.name}, {self.moment}".replace("_", " ")


class Broken(Exception):
    """Something that must hold does not, found by an injector itself."""

    def __init__(self, found: list[str]) -> None:
        super().__init__("; ".join(found))
        self.found = found
