"""Layered layout of a small graph: levels by longest path, order by barycentres, long edges by way points.

After Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures", IEEE
Transactions on Systems, Man, and Cybernetics 11 (1981). Pure: names in, positions in rows and columns out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import pairwise

SWEEPS = 6


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a node stands: ``column`` counts from the left, ``row`` from the top; rows may be halves."""

    key: str
    column: int
    row: float


@dataclass(frozen=True, slots=True)
class Way:
    """An edge and the rows at which it passes the columns between its ends."""

    source: str
    target: str
    between: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """Nodes and edges placed, with the size of the grid."""

    nodes: tuple[Placed, ...]
    ways: tuple[Way, ...]
    columns: int
    rows: float


def lay_out(needs: Mapping[str, Sequence[str]]) -> Layout:
    """Place the nodes of a graph, given as each node's needs. Raises ``graphlib.CycleError`` for a cycle."""
    column = _columns(needs)
    chains = _chains(needs, column)
    layers = _layers(needs, column, chains)
    neighbours = _neighbours(chains)
    for sweep in range(SWEEPS):
        _sweep(layers, neighbours, downward=sweep % 2 == 0)
    row = _rows(layers)
    return Layout(
        nodes=tuple(Placed(key, column[key], row[key]) for key in needs),
        ways=tuple(
            Way(chain[0], chain[-1], tuple((column[chain[0]] + at, row[name]) for at, name in _inner(chain)))
            for chain in chains
        ),
        columns=len(layers),
        rows=max((len(layer) for layer in layers), default=0),
    )


def _columns(needs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The length of the longest path that leads to each node."""
    column: dict[str, int] = {}
    for key in TopologicalSorter(needs).static_order():
        column[key] = max((column[need] + 1 for need in needs[key]), default=0)
    return column


def _chains(needs: Mapping[str, Sequence[str]], column: Mapping[str, int]) -> list[tuple[str, ...]]:
    """Each edge as a chain with an invisible node in every column it crosses."""
    return [
        (need, *(f"{need}\0{key}\0{at}" for at in range(column[need] + 1, column[key])), key)
        for key, wanted in needs.items()
        for need in wanted
    ]


def _inner(chain: tuple[str, ...]) -> Iterable[tuple[int, str]]:
    return enumerate(chain[1:-1], start=1)


def _layers(
    needs: Mapping[str, Sequence[str]], column: Mapping[str, int], chains: Iterable[tuple[str, ...]]
) -> list[list[str]]:
    layers: list[list[str]] = [[] for _ in range(max(column.values(), default=-1) + 1)]
    for key in needs:
        layers[column[key]].append(key)
    for chain in chains:
        for at, name in _inner(chain):
            layers[column[chain[0]] + at].append(name)
    return layers


def _neighbours(chains: Iterable[tuple[str, ...]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for chain in chains:
        for left, right in pairwise(chain):
            before.setdefault(right, []).append(left)
            after.setdefault(left, []).append(right)
    return before, after


def _sweep(
    layers: list[list[str]], neighbours: tuple[dict[str, list[str]], dict[str, list[str]]], *, downward: bool
) -> None:
    """Order each layer by the mean place of its neighbours in the layer before; ties keep their order."""
    order = range(1, len(layers)) if downward else range(len(layers) - 2, -1, -1)
    for at in order:
        fixed = {key: place for place, key in enumerate(layers[at - 1 if downward else at + 1])}
        near = neighbours[0] if downward else neighbours[1]
        present = {key: float(place) for place, key in enumerate(layers[at])}

        def centre(key: str, near: dict[str, list[str]] = near, fixed: dict[str, int] = fixed,
                   present: dict[str, float] = present) -> float:  # fmt: skip
            places = [fixed[other] for other in near.get(key, ()) if other in fixed]
            return sum(places) / len(places) if places else present[key]

        layers[at].sort(key=centre)


def _rows(layers: Sequence[Sequence[str]]) -> dict[str, float]:
    """Each layer centred against the tallest."""
    tallest = max((len(layer) for layer in layers), default=0)
    return {key: (tallest - len(layer)) / 2 + place for layer in layers for place, key in enumerate(layer)}
