"""Keys, needs and cycles of a blueprint's phases and steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from projects.blueprints.paths import Place
from projects.blueprints.schema import Blueprint, PhaseSpec
from projects.blueprints.shaping import Finding
from projects.blueprints.suggestions import did_you_mean


def check_graph(blueprint: Blueprint) -> Iterator[Finding]:
    """Keys that are taken, needs that lead nowhere, cycles."""
    yield from taken(((("phases", index, "key"), phase.key) for index, phase in enumerate(blueprint.phases)), "phase")
    yield from taken(
        (
            (("phases", index, "steps", position, "key"), step.key)
            for index, phase in enumerate(blueprint.phases)
            for position, step in enumerate(phase.steps)
        ),
        "step",
    )
    homes = {step.key: index for index, phase in enumerate(blueprint.phases) for step in phase.steps}
    for index, phase in enumerate(blueprint.phases):
        yield from _needs(index, phase, homes, blueprint)
        yield from cycles(index, phase)


def all_needs(phase: PhaseSpec) -> dict[str, frozenset[str]]:
    """What each step of a phase needs, directly or not; a cycle does no harm."""
    direct = {step.key: set(step.needs) for step in phase.steps}
    found: dict[str, frozenset[str]] = {}
    for key in direct:
        reached: set[str] = set()
        border = list(direct[key])
        while border:
            need = border.pop()
            if need not in reached:
                reached.add(need)
                border.extend(direct.get(need, ()))
        found[key] = frozenset(reached)
    return found


def taken(keys: Iterable[tuple[Place, str]], what: str) -> Iterator[Finding]:
    """Each key that stands before it already, as that of a phase or a step."""
    first: dict[str, Place] = {}
    for place, key in keys:
        if key in first:
            other = (
                "results are found by it, so it is given once in a blueprint" if what == "step" else "it is given once"
            )
            yield Finding(place, f"the key {key!r} belongs to another {what} already; {other}", "Choose another key.")
        first.setdefault(key, place)


def _needs(index: int, phase: PhaseSpec, homes: Mapping[str, int], blueprint: Blueprint) -> Iterator[Finding]:
    here = [step.key for step in phase.steps]
    for position, step in enumerate(phase.steps):
        for number, need in enumerate(step.needs):
            place: Place = ("phases", index, "steps", position, "needs", number)
            if need == step.key:
                yield Finding(place, f"the step {need!r} needs itself", "Remove it from its own needs.")
            elif need not in homes:
                hint = did_you_mean(need, [key for key in here if key != step.key], known_as="The phase has")
                yield Finding(place, f"there is no step {need!r} in this phase", hint)
            elif need not in here:
                yield Finding(place, *_elsewhere(need, blueprint.phases[homes[need]].key, homes[need] < index))
            elif need in step.needs[:number]:
                yield Finding(place, f"the step {need!r} is needed twice", "Name it once.")


def _elsewhere(need: str, phase: str, earlier: bool) -> tuple[str, str]:
    if earlier:
        return (
            f"the step {need!r} belongs to the earlier phase {phase!r}",
            f"Remove it: that phase is over by then, and results.{need} can be read without `needs`.",
        )
    return f"the step {need!r} belongs to the later phase {phase!r}", "Needs name steps of the same phase."


def cycles(index: int, phase: PhaseSpec) -> Iterator[Finding]:
    """Each group of steps that wait for one another, named once by one of its cycles."""
    edges = {step.key: [need for need in step.needs if need != step.key] for step in phase.steps}
    reach = all_needs(phase)
    positions = {step.key: position for position, step in reversed(list(enumerate(phase.steps)))}
    told: set[str] = set()
    for key in edges:
        if key in reach[key] and key not in told and (way := _way_back(key, edges)):
            told |= {other for other in reach[key] if key in reach.get(other, ())} | {key}
            place: Place = ("phases", index, "steps", positions[key], "needs")
            yield Finding(place, f"the steps wait for one another: {' -> '.join(way)}", "Remove one of these needs.")


def _way_back(start: str, edges: Mapping[str, list[str]]) -> list[str]:
    """The shortest way along needs from a step to itself."""
    came_from: dict[str, str] = {}
    border = [start]
    while border:
        step = border.pop(0)
        for need in edges.get(step, ()):
            if need == start:
                way = [start]
                while step != start:
                    way.append(step)
                    step = came_from[step]
                return [start, *way[:0:-1], start] if len(way) > 1 else [start, start]
            if need in edges and need not in came_from:
                came_from[need] = step
                border.append(need)
    return []
