"""Searches for tests: a step that looks for the middle of a bowl, and the same search run in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agents.swarm.optimising import State, answer, begin, chunks, fold, report, spec_of
from orchestrator_site.digests import digest_of
from orchestrator_site.history import services as history
from projects.models import Project, Step
from tests.builders import agent_that, result

SEARCH = """
phases:
  - key: one
    steps:
      - key: search
        kind: swarm
        swarm:
          objective: {agent: rate-a-bowl, params: {lift: 2}}
          bounds: {x: [-5, 5], y: [-4, 3]}
          population: 12
          generations: 6
          chunk_size: 5
          seed: 11
"""
SETTINGS: dict[str, Any] = {
    "objective": {"agent": "rate-a-bowl", "params": {"lift": 2}},
    "bounds": {"x": [-5, 5], "y": [-4, 3]},
    "population": 12,
    "generations": 6,
    "chunk_size": 5,
    "seed": 11,
}


def bowl(candidate: Mapping[str, float], params: Mapping[str, Any]) -> float:
    """Least where both are 1; by sums and products alone, which give the same bits everywhere."""
    return (candidate["x"] - 1) ** 2 + (candidate["y"] - 1) ** 2 + float(params["lift"])


def rate(context: Any) -> dict[str, Any]:
    """The agent."""
    return answer(context.params, bowl)


def an_agent_that(function: Callable[[Any], Any] = rate) -> str:
    """Register who rates the bowl, in some way or other."""
    return agent_that(function, "rate-a-bowl")


def pure(settings: Mapping[str, Any] = SETTINGS, lost: Callable[[dict[str, Any]], bool] = lambda _: False) -> State:
    """The search without an engine; of ``lost`` chunks nobody says anything."""
    state = begin(spec_of(settings))
    while not state.done:
        state = fold(state, [None if lost(chunk) else answer(chunk, bowl) for chunk in chunks(state)])
    return state


def same(project: Project, expected: State) -> bool:
    """Whether the step's result is, to the bit, the report of a search that was never cut; by its digest too."""
    told = report(expected)
    completed = history.events_of(project.pk).filter(kind="step.completed", subject="search").last()
    assert completed is not None
    return result(project, "search") == told and completed.data["result_sha256"] == digest_of(told)


def generations(project: Project) -> list[int]:
    """The generations that were folded, in the order of the history."""
    events = history.events_of(project.pk).filter(kind="swarm.generation").order_by("id")
    return [event.data["generation"] for event in events]


def keys(items: Iterable[Step]) -> list[str]:
    """Their keys."""
    return [item.key for item in items]
