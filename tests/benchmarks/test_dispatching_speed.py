"""What it costs to choose and guard the agent of a step that does nothing, in process: the dearest place for it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest

from agents.definition import registered_agents
from agents.transports.python import call
from projects.models import Step
from projects.services import advancing, execution, performing
from tests.benchmarks.figures import FIGURES, Figure
from tests.builders import project_of

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = 100
ROUNDS = 7


def chain() -> str:
    steps = ["{key: s_0, agent: nothing}"]
    steps += [f"{{key: s_{n}, agent: nothing, needs: [s_{n - 1}]}}" for n in range(1, STEPS)]
    return f"phases: [{{key: one, steps: [{', '.join(steps)}]}}]"


def seconds_of_a_leg() -> float:
    """One leg of the chain, by this process as a worker does it, a step."""
    project = project_of(chain())
    advancing.advance(project.pk)
    steps = list(Step.objects.filter(project=project).order_by("position").values_list("pk", flat=True))
    began = time.perf_counter()
    execution.run_leg(project.pk, steps)
    took = time.perf_counter() - began
    assert Step.objects.filter(project=project, state="completed").count() == STEPS
    return took / STEPS


def test_a_step_that_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import tests.benchmarks.agents  # noqa: F401

    seconds_of_a_leg()
    inside: list[float] = []
    calls: list[float] = []
    _time(monkeypatch, performing, "perform", inside)
    whole = [seconds_of_a_leg() for _ in range(ROUNDS)]
    definition = registered_agents()["nothing"]
    for _ in range(STEPS):
        began = time.perf_counter()
        call(definition, None, timeout=300.0)  # type: ignore[arg-type] # it looks at nothing
        calls.append(time.perf_counter() - began)

    step, dispatched, bare = min(whole), statistics.median(inside), statistics.median(calls)
    share = 100 * (dispatched - bare) / step
    FIGURES.append(
        Figure(
            "dispatching a built-in agent, % of a step",
            f"{(dispatched - bare) * 1e6:.0f} us",
            f"{step * 1e3:.2f} ms",
            share,
            3,
            2,
        )
    )


def _time(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, into: list[float]) -> None:
    real: Callable[..., Any] = getattr(where, name)

    def timed(*given: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return real(*given, **named)
        finally:
            into.append(time.perf_counter() - began)

    monkeypatch.setattr(where, name, timed)
