"""A search, a generation at a time: ``begin``, ``ask``, ``tell``, and what the engine needs around them.

Nothing here remembers anything: ``ask`` is a function of the state and may be called as often as one likes, and
``tell`` gives a new state. A generation's random numbers belong to its number (see ``randomness``), so a search that
was cut anywhere, kept as JSON and resumed, in whatever chunks and order its results came, ends with the same bits as
one that was not.

**Missing evaluations.** A candidate without a finite fitness (its agent failed, or answered ``null``, ``NaN`` or an
infinity) counts as worse than any other: it replaces nobody and nobody learns from it. Where less than
``least_answers`` of a generation came back, the generation is not folded: ``TooFewEvaluations`` says so, and the same
candidates can be put again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from agents.swarm.errors import SwarmHasEnded, SwarmSettingsRefused, TooFewEvaluations
from agents.swarm.exact import Array, Floats
from agents.swarm.optimising.converging import improves, reason_to_end
from agents.swarm.optimising.differential import DifferentialEvolution
from agents.swarm.optimising.evolution import Evolution
from agents.swarm.optimising.measuring import diversity, limits
from agents.swarm.optimising.particles import ParticleSwarm
from agents.swarm.optimising.spec import Algorithm, SwarmSpec
from agents.swarm.optimising.state import History, Metrics, State
from agents.swarm.randomness import Stream, generator


class Searcher(Protocol):
    """An algorithm. ``arrays`` is its memory, empty before a scattering; costs are in the sense that less is better."""

    def propose(self, spec: SwarmSpec, arrays: Mapping[str, Array], rng: np.random.Generator) -> dict[str, Array]:
        """``candidates``, shape ``(population, d)`` and within the bounds, and what ``learn`` needs beside them."""

    def learn(
        self, spec: SwarmSpec, arrays: Mapping[str, Array], proposed: Mapping[str, Array], cost: Floats
    ) -> dict[str, Array]:
        """Its memory after the costs, shape ``(population,)`` and infinite where unknown, of what it proposed."""

    def living(self, arrays: Mapping[str, Array]) -> Floats:
        """Those whose spread is the swarm's diversity."""


SEARCHERS: dict[Algorithm, Searcher] = {
    Algorithm.PARTICLES: ParticleSwarm(),
    Algorithm.EVOLUTION: Evolution(),
    Algorithm.DIFFERENTIAL: DifferentialEvolution(),
}


def begin(spec: SwarmSpec) -> State:
    """A search before its first generation."""
    return State(
        spec=spec,
        generation=0,
        arrays={},
        best=np.zeros(spec.dimensions),
        value=np.inf,
        mark=np.inf,
        stalled=0,
        scatterings=0,
        evaluations=0,
        missing=0,
        last=None,
        history=History(),
        reason=None,
    )


def ask(state: State) -> Floats:
    """The candidates of this generation, shape ``(population, dimensions)``. Raises ``SwarmHasEnded``."""
    if state.done:
        raise SwarmHasEnded(f"The swarm has ended: {state.reason}.", reason=str(state.reason))
    return _proposed(state)["candidates"]


def _proposed(state: State) -> dict[str, Array]:
    rng = generator(state.spec.seed, Stream.PROPOSE, state.generation)
    return SEARCHERS[state.spec.algorithm].propose(state.spec, state.arrays, rng)


def tell(state: State, fitnesses: Sequence[float | None] | Floats) -> State:
    """The search after what the objective said of ``ask(state)``, in that order; None where it said nothing.

    Raises ``SwarmHasEnded``, ``TooFewEvaluations``, and ``SwarmSettingsRefused`` where they are not as many as were
    asked for.
    """
    if state.done:
        raise SwarmHasEnded(f"The swarm has ended: {state.reason}.", reason=str(state.reason))
    spec, proposed = state.spec, _proposed(state)
    cost = _costs(spec, fitnesses)
    answered = int(np.isfinite(cost).sum())
    if answered < spec.least_answers * spec.population:
        raise TooFewEvaluations(
            f"{answered} of {spec.population} candidates of generation {state.generation} were evaluated; at least "
            f"{spec.least_answers:.0%} must be.",
            generation=state.generation,
            answered=answered,
        )
    searcher = SEARCHERS[spec.algorithm]
    arrays = searcher.learn(spec, state.arrays, proposed, cost)
    spread = diversity(searcher.living(arrays), *limits(spec))
    return _judged(_advanced(state, arrays, proposed["candidates"], cost, spread))


def _costs(spec: SwarmSpec, fitnesses: Sequence[float | None] | Floats) -> Floats:
    given = np.array([np.nan if one is None else one for one in fitnesses], dtype=np.float64)
    if given.shape != (spec.population,):
        raise SwarmSettingsRefused(f"{spec.population} fitnesses were asked for; {len(given)} came.")
    return np.where(np.isfinite(given), spec.sign * given + 0.0, np.inf)


def _advanced(state: State, arrays: Mapping[str, Array], candidates: Floats, cost: Floats, spread: float) -> State:
    """The state with a generation more, its best place and its metrics."""
    spec, place = state.spec, int(np.argmin(cost))
    known = cost[np.isfinite(cost)]
    better = bool(cost[place] < state.value)
    value = float(cost[place]) if better else state.value
    counts = improves(spec, value, state.mark)
    last = Metrics(
        generation=state.generation,
        best=spec.sign * value + 0.0,
        mean=float(spec.sign * known.mean()) + 0.0,
        diversity=spread,
        answered=len(known),
        missing=spec.population - len(known),
    )
    return replace(
        state,
        generation=state.generation + 1,
        arrays=arrays,
        best=candidates[place].copy() if better else state.best,
        value=value,
        mark=value if counts else state.mark,
        stalled=0 if counts else state.stalled + 1,
        evaluations=state.evaluations + len(known),
        missing=state.missing + last.missing,
        last=last,
        history=state.history.with_one(last),
    )


def _judged(state: State) -> State:
    """The state with its reason to end, or scattered anew where it is stuck and is to go on."""
    reason, scatter = reason_to_end(state)
    if scatter:
        return replace(state, arrays={}, stalled=0, mark=np.inf, scatterings=state.scatterings + 1)
    return replace(state, reason=reason)


def run(spec: SwarmSpec, objective: Callable[[Floats], Floats]) -> State:
    """The whole search in this process; ``objective`` from places ``(n, d)`` to values ``(n,)``."""
    state = begin(spec)
    while not state.done:
        state = tell(state, objective(ask(state)))
    return state
