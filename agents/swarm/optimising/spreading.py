"""A generation's evaluations as pieces of work that JSON holds, and their results folded back in.

What the engine does with a step of kind ``swarm``: ``begin``; then until the state is done, ``chunks``, each evaluated
by an agent somewhere, and ``fold`` with what came back; ``report`` at any time. Between any two of these the state may
be kept as JSON, and the process may die.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from agents.swarm.exact import Floats
from agents.swarm.optimising.searching import ask, tell
from agents.swarm.optimising.spec import SwarmSpec
from agents.swarm.optimising.state import State

Candidate = list[float] | dict[str, float]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Candidates ``first`` to ``first + len(candidates) - 1`` of a generation, and what evaluates them.

    A candidate is a list of numbers, or a mapping where the bounds have names. The agent answers with ``fitnesses``: a
    number for each, in order, or null for one that it could not evaluate.
    """

    generation: int
    first: int
    candidates: list[Candidate]
    params: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The params of the agent's step."""
        return asdict(self)


def chunks(state: State, size: int | None = None) -> list[dict[str, Any]]:
    """The generation's work, ``size`` candidates a piece (the spec's ``chunk_size`` by default). Raises
    ``SwarmHasEnded``.
    """
    spec = state.spec
    length = max(1, size or spec.chunk_size)
    shown = _shown(spec, ask(state))
    return [
        Chunk(state.generation, first, shown[first : first + length], dict(spec.objective.params)).to_json()
        for first in range(0, len(shown), length)
    ]


def _shown(spec: SwarmSpec, places: Floats) -> list[Candidate]:
    rows: list[list[float]] = places.tolist()
    if spec.names is None:
        return list(rows)
    return [dict(zip(spec.names, row, strict=True)) for row in rows]


def given(chunk: Mapping[str, Any]) -> dict[str, Any]:
    """A chunk as its agent is given it, when a store of JSON has had it: one may have made 1e22 a whole number, with
    which one computes otherwise.
    """
    return {**chunk, "candidates": [_as_floats(candidate) for candidate in chunk["candidates"]]}


def _as_floats(candidate: Any) -> Candidate:
    if isinstance(candidate, Mapping):
        return {name: float(value) for name, value in candidate.items()}
    return [float(value) for value in candidate]


def unanswered(state: State, results: Iterable[Mapping[str, Any] | None]) -> list[dict[str, Any]]:
    """The generation's chunks of which a candidate has no fitness yet: what to put again where it cannot be folded."""
    fitnesses = _gathered(state, results)
    return [
        chunk
        for chunk in chunks(state)
        if any(value is None for value in fitnesses[chunk["first"] : chunk["first"] + len(chunk["candidates"])])
    ]


def fold(state: State, results: Iterable[Mapping[str, Any] | None]) -> State:
    """The state after a generation: ``results`` of its chunks, each ``{generation, first, fitnesses}``, in any order.

    A chunk that failed is None or left out. What belongs to another generation, or answers a candidate a second time,
    changes nothing: results may come more than once. What is no number counts as missing. Raises as ``tell`` does.
    """
    return tell(state, _gathered(state, results))


def _gathered(state: State, results: Iterable[Mapping[str, Any] | None]) -> list[float | None]:
    fitnesses: list[float | None] = [None] * state.spec.population
    for result in results:
        if result is not None and result.get("generation") == state.generation:
            _put(fitnesses, result)
    return fitnesses


def _put(fitnesses: list[float | None], result: Mapping[str, Any]) -> None:
    first, given = result.get("first"), result.get("fitnesses")
    if not _is_place(first) or not isinstance(given, Sequence) or isinstance(given, str):
        return
    for place, value in enumerate(given, start=int(first)):  # type: ignore[arg-type]
        if place < len(fitnesses) and fitnesses[place] is None:
            fitnesses[place] = _number(value)


def _is_place(first: Any) -> bool:
    return isinstance(first, int) and not isinstance(first, bool) and first >= 0


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def answer(chunk: Mapping[str, Any], evaluate: Callable[[Any, Mapping[str, Any]], float]) -> dict[str, Any]:
    """An agent's answer to a chunk, with ``evaluate(candidate, params)`` for each: what fails becomes null, not a
    failure.

    For agents that evaluate one candidate at a time. An agent may compute them all at once and answer in this form by
    itself.
    """
    fitnesses = [_tried(evaluate, candidate, chunk["params"]) for candidate in chunk["candidates"]]
    return {"generation": chunk["generation"], "first": chunk["first"], "fitnesses": fitnesses}


def _tried(evaluate: Callable[[Any, Mapping[str, Any]], float], candidate: Any, params: Mapping[str, Any]) -> Any:
    try:
        fitness = float(evaluate(candidate, params))
    except (ArithmeticError, ValueError):
        return None
    return fitness if math.isfinite(fitness) else None  # JSON has no infinity, and one must not take its chunk along


def report(state: State) -> dict[str, Any]:
    """Where the search is, for people and programs: the step's progress while it runs and its result in the end."""
    spec = state.spec
    known = state.last is not None and state.generation > 0
    return {
        "done": state.done,
        "reason": state.reason,
        "algorithm": spec.algorithm,
        "direction": spec.direction,
        "generation": state.generation,
        "generations": spec.generations,
        "best": _shown(spec, state.best[None, :])[0] if known else None,
        "value": spec.sign * state.value + 0.0 if known else None,
        "evaluations": state.evaluations,
        "missing": state.missing,
        "scatterings": state.scatterings,
        "last": None if state.last is None else state.last.to_json(),
        "history": [one.to_json() for one in state.history.all()],
    }
