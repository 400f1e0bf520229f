"""A generation's evaluations as pieces of work that JSON holds, and their results folded back in.

What the engine does with a step of kind ``swarm``: ``begin``; then until the state is done, ``chunks``, each evaluated
by an agent somewhere, and ``fold`` with what came back; ``report`` at any time. Between any two of these the state may
be kept as JSON, and the process may die.
"""

from __future__ import annotations

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


def fold(state: State, results: Iterable[Mapping[str, Any] | None]) -> State:
    """The state after a generation: ``results`` of its chunks, each ``{generation, first, fitnesses}``, in any order.

    A chunk that failed is None or left out. What belongs to another generation, or answers a candidate a second time,
    changes nothing: results may come more than once. What is no number counts as missing. Raises as ``tell`` does.
    """
    fitnesses: list[float | None] = [None] * state.spec.population
    for result in results:
        if result is not None and result.get("generation") == state.generation:
            _put(fitnesses, result)
    return tell(state, fitnesses)


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
        return float(value)
    except OverflowError:
        return None


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
        return float(evaluate(candidate, params))
    except (ArithmeticError, ValueError):
        return None


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
