"""From the ready steps of a phase to a wave: what is sent to the workers at once.

A wave is a set of branches that run side by side. A branch is a run of steps that follow one another with no other
tie, so that no barrier stands inside it; where the pool changes it is cut into legs, and each leg is one message.
When every branch of a wave has ended, ``advance`` looks again; a branch after which something may start that need
not wait for the others *wakes* it earlier.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from projects.planning.graph import Graph
from projects.states import StepState


@dataclass(frozen=True, slots=True)
class Leg:
    """Steps, by key, that one worker of one pool does one after another."""

    pool: str
    steps: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.pool}({' → '.join(self.steps)})"


@dataclass(frozen=True, slots=True)
class Branch:
    """Legs that follow one another; ``wakes`` if ``advance`` must look as soon as the last has ended."""

    legs: tuple[Leg, ...]
    wakes: bool = False

    @property
    def steps(self) -> tuple[str, ...]:
        """All its steps, in order."""
        return tuple(step for leg in self.legs for step in leg.steps)

    def __str__(self) -> str:
        return " ⇒ ".join(map(str, self.legs)) + (" ↑" if self.wakes else "")


@dataclass(frozen=True, slots=True)
class Wave:
    """Branches that run side by side."""

    branches: tuple[Branch, ...]

    def __str__(self) -> str:
        return "\n".join(map(str, self.branches))


def compile_wave(graph: Graph, ready: Iterable[str]) -> Wave:
    """The wave that starts with the ``ready`` steps, each drawn out to a branch as far as it has no other tie."""
    runs = [_follow(graph, key) for key in ready]
    covered = [frozenset(run) for run in runs]
    return Wave(tuple(Branch(_cut(graph, run), _wakes(graph, index, covered)) for index, run in enumerate(runs)))


def _follow(graph: Graph, key: str) -> tuple[str, ...]:
    """``key`` and the steps after it that need nothing else and that nothing else waits beside."""
    run = [key]
    while True:
        after = graph.dependents[run[-1]]
        if len(after) != 1:
            return tuple(run)
        following = graph.by_key[after[0]]
        only_tie = graph.unmet(following) == {run[-1]}
        if following.state is not StepState.PENDING or following.conditional or not only_tie:
            return tuple(run)
        run.append(following.key)


def _cut(graph: Graph, run: tuple[str, ...]) -> tuple[Leg, ...]:
    legs: list[tuple[str, list[str]]] = []
    for key in run:
        pool = graph.by_key[key].pool
        if legs and legs[-1][0] == pool:
            legs[-1][1].append(key)
        else:
            legs.append((pool, [key]))
    return tuple(Leg(pool, tuple(steps)) for pool, steps in legs)


def _wakes(graph: Graph, index: int, covered: list[frozenset[str]]) -> bool:
    """Whether a step after this branch may start before all branches of the wave have ended."""
    if len(covered) == 1:
        return True
    mine, others = covered[index], [other for position, other in enumerate(covered) if position != index]
    following = {after for key in mine for after in graph.dependents[key]} - mine
    return any(_may_start_early(graph, graph.unmet(graph.by_key[key]) - mine, others) for key in following)


def _may_start_early(graph: Graph, unmet: frozenset[str], others: list[frozenset[str]]) -> bool:
    """Whether all that a step still waits for is on its way, without it waiting for every other branch."""
    in_wave = frozenset[str]().union(*others)
    on_its_way = all(graph.by_key[need].in_flight for need in unmet - in_wave)
    return on_its_way and not all(unmet & other for other in others)


def windows(waiting: int, in_flight: int, limit: int) -> tuple[int, ...]:
    """Sizes of the groups of items to send now, so that at most ``limit`` are in flight.

    Groups are half the limit: while the workers are at one, the end of the other brings the next, and they are never
    idle at a barrier. ``waiting`` items have not been sent; ``in_flight`` have.
    """
    group = max(1, -(-limit // 2))
    sizes = []
    while waiting > 0 and in_flight + min(group, waiting) <= limit:
        size = min(group, waiting)
        sizes.append(size)
        waiting -= size
        in_flight += size
    return tuple(sizes)
