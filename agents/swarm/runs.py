"""A run by name, from the numbers that a person gives, with its figures and its picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agents.swarm.drawing import search_picture, traced, world_picture
from agents.swarm.errors import SwarmSettingsRefused
from agents.swarm.living.behaviours import BEHAVIOURS, BehaviourName
from agents.swarm.living.living import populated, step
from agents.swarm.living.measures import measures
from agents.swarm.living.roles import counted
from agents.swarm.optimising.functions import FUNCTIONS
from agents.swarm.optimising.spec import Algorithm, spec_of
from agents.swarm.optimising.spreading import report
from agents.swarm.randomness import LARGEST_SEED

KNOWN = (*(one.value for one in BehaviourName), *(one.value for one in Algorithm))
FUNCTION_NAMES = tuple(FUNCTIONS)
MOST_AGENTS = 100_000
MOST_STEPS = 100_000
_FRAMES = 90
_TARGET = 1e-8


@dataclass(frozen=True, slots=True)
class Run:
    """What a run came to, as JSON holds it, and how to draw it."""

    told: dict[str, Any]
    picture: Callable[..., str]


def run_of(name: str, *, agents: int, steps: int, seed: int, function: str = "rastrigin", variables: int = 2) -> Run:
    """The run of a behaviour or an algorithm. Raises ``SwarmSettingsRefused``."""
    for what, given, least, most in (
        ("agents", agents, 1, MOST_AGENTS),
        ("steps", steps, 1, MOST_STEPS),
        ("seed", seed, 0, LARGEST_SEED),
    ):
        if not least <= given <= most:
            raise SwarmSettingsRefused(f"{what} must be from {least} to {most:,}; it is {given:,}.")
    if name in {one.value for one in Algorithm}:
        return _search(Algorithm(name), agents, steps, seed, function, variables)
    return _life(BehaviourName(name), agents, steps, seed)


def _life(behaviour: BehaviourName, agents: int, steps: int, seed: int) -> Run:
    world = populated(behaviour, agents, seed)
    every = max(1, steps // _FRAMES)
    worlds = [world]
    for number in range(1, steps + 1):
        world = step(world, behaviour)
        if number % every == 0 or number == steps:
            worlds.append(world)
    figure = BEHAVIOURS[behaviour].measure
    told = {
        "behaviour": behaviour.value,
        "agents": agents,
        "steps": steps,
        "seed": seed,
        "roles": counted(world.swarm.roles),
        "measure": {"name": figure, "before": measures(worlds[0])[figure], "after": measures(world)[figure]},
        "measures": measures(world),
    }
    return Run(told, lambda *, still=False: world_picture(worlds[-1:] if still else worlds, behaviour))


def _search(algorithm: Algorithm, agents: int, steps: int, seed: int, function: str, variables: int) -> Run:
    chosen = FUNCTIONS[function]
    spec = spec_of(
        {
            "objective": {"agent": function},
            "bounds": [chosen.bounds] * variables,
            "algorithm": algorithm.value,
            "population": agents,
            "generations": steps,
            "seed": seed,
            "target": _TARGET,
        }
    )
    trace = traced(spec, chosen.of)
    told = {name: value for name, value in report(trace.state).items() if name != "history"}
    return Run(
        {"function": function, "agents": agents, "seed": seed, **told},
        lambda *, still=False: search_picture(trace.last() if still else trace, chosen.of),
    )
