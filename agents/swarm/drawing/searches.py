"""A picture of a search: its candidates generation by generation, and how good the best was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from agents.swarm.drawing.sheet import MOVING, SECONDS, SIDE, STILL, Curve, drawn, line_of_text, sheet
from agents.swarm.drawing.svg import Raw, animated, element, group, heat
from agents.swarm.exact import Floats
from agents.swarm.optimising.measuring import limits
from agents.swarm.optimising.searching import ask, begin, tell
from agents.swarm.optimising.spec import SwarmSpec
from agents.swarm.optimising.state import State

MOST_DRAWN = 150
MOST_FRAMES = 80
_FIELD = 120  # cells a side, of a landscape
_LANDSCAPE = (90, 105, 130)
_LEAST = 1e-12


@dataclass(frozen=True, slots=True)
class Trace:
    """A search from beginning to end: ``candidates`` of each generation, shape ``(generations, population, d)``."""

    state: State
    candidates: Floats

    def last(self) -> Trace:
        """Only its last generation."""
        return Trace(self.state, self.candidates[-1:])


def traced(spec: SwarmSpec, objective: Callable[[Floats], Floats]) -> Trace:
    """A search run in this process, that remembers where it looked."""
    state, seen = begin(spec), []
    while not state.done:
        places = ask(state)
        seen.append(places)
        state = tell(state, objective(places))
    return Trace(state, np.stack(seen))


def state_picture(state: State) -> str:
    """A search of which only the present is known: its candidates now, and the values of its best ones so far."""
    places = state.best[None, :] if state.done else ask(state)
    return search_picture(Trace(state, places[None, :, :]), known=None)


def search_picture(trace: Trace, landscape: Callable[[Floats], Floats] | None = None, known: float | None = 0.0) -> str:
    """The search as SVG: the first two variables, over a cut through ``landscape`` at the best place where one is
    given.

    ``known`` is the value of the best place there is, where it is known: the curve is the distance from it, by its
    logarithm; else it is the best value itself. Who asked their system for less motion sees the last generation,
    standing.
    """
    spec = trace.state.spec
    chosen = _chosen(len(trace.candidates))
    ways = _on_ground(spec, trace.candidates[chosen])
    curve = _curve(trace.state, known)
    best = _on_ground(spec, trace.state.best[None, :])[0]
    ground = [
        *([_field(spec, trace.state.best, landscape)] if landscape else []),
        _moving(ways) if len(chosen) > 1 else Raw(""),
        _dots(ways[-1], STILL if len(chosen) > 1 else ""),
        element("circle", element("title", "best"), cx=float(best[0]), cy=float(best[1]), r=11.0, class_="mark"),
    ]
    name = spec.algorithm.value.replace("_", " ")
    lines = _lines(trace.state)
    panel = [line_of_text(name.capitalize(), 24, "title")]
    panel += [line_of_text(text, 58 + 22 * place, "soft") for place, text in enumerate(lines)]
    panel += drawn(curve, 300, 240, [place / max(1, chosen[-1]) for place in chosen])
    return sheet(f"A search by {name}", "; ".join(lines) + ".", ground, panel)


def _curve(state: State, known: float | None) -> Curve:
    values = [one.best for one in state.history.all()]
    if known is None:
        return Curve("Best value", values, state.generation)
    errors = [max(abs(value - known), _LEAST) for value in values]
    return Curve("Distance from the known best, log scale", errors, state.generation, logarithmic=True)


def _lines(state: State) -> list[str]:
    spec = state.spec
    reason = state.reason.value.replace("_", " ") if state.reason else "under way"
    return [
        f"{spec.population} candidates of {spec.dimensions} variables, seed {spec.seed}",
        f"{state.generation} generations, {state.evaluations:,} evaluations",
        f"best value {spec.sign * state.value:.6g}",
        f"ended: {reason}",
        "shown: the first two variables",
    ]


def _chosen(count: int) -> list[int]:
    """Generations to show: more of the first ones, where most of it happens."""
    places = (np.linspace(0, 1, min(count, MOST_FRAMES)) ** 1.5 * (count - 1)).round().astype(int)
    return sorted(set(places.tolist()))


def _on_ground(spec: SwarmSpec, places: Floats) -> Floats:
    low, high = limits(spec)
    share = (places - low) / (high - low)
    if spec.dimensions == 1:
        share = np.concatenate([share, np.full_like(share, 0.5)], axis=-1)
    found: Floats = share[..., :2] * SIDE
    return found


def _dots(places: Floats, kind: str) -> Raw:
    dots = [element("circle", cx=x, cy=y, r=4.0, class_="forager") for x, y in places[:MOST_DRAWN].tolist()]
    return group(*dots, class_=kind or None)


def _moving(ways: Floats) -> Raw:
    # Evenly in time: a generation that is shown is shown as long as any other.
    even = np.linspace(0, 1, ways.shape[0]).tolist()
    dots = [
        element(
            "circle",
            animated("cx", np.round(way[:, 0], 1).tolist(), even, SECONDS),
            animated("cy", np.round(way[:, 1], 1).tolist(), even, SECONDS),
            r=4.0,
            class_="forager",
            fill_opacity=0.85,
        )
        for way in ways.transpose(1, 0, 2)[:MOST_DRAWN]
    ]
    return group(*dots, class_=MOVING)


def _field(spec: SwarmSpec, best: Floats, landscape: Callable[[Floats], Floats]) -> Raw:
    """How bad it is where: the darker the worse, all other variables as they are at the best place."""
    low, high = limits(spec)
    steps = (np.arange(_FIELD) + 0.5) / _FIELD
    places = np.tile(best, (_FIELD * _FIELD, 1))
    across, down = np.meshgrid(steps, steps)
    places[:, 0] = low[0] + across.ravel() * (high[0] - low[0])
    if spec.dimensions > 1:
        places[:, 1] = low[1] + down.ravel() * (high[1] - low[1])
    cost = spec.sign * landscape(places).reshape(_FIELD, _FIELD)
    ranked = np.argsort(np.argsort(cost.ravel(), kind="stable"), kind="stable").reshape(cost.shape) / cost.size
    address = heat(ranked**2, _LANDSCAPE, 1.0, strongest=200)
    return element("image", href=address, width=SIDE, height=SIDE, preserveAspectRatio="none")
