"""Nodes and edges of a knowledge graph, apart from any database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Node:
    """A thing: ``key`` is unique in its graph, ``kind`` says what it is, ``label`` is its name for people."""

    key: str
    kind: str
    label: str
    properties: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """A tie from one node to another, by their keys; at most one of a kind between the same two."""

    source: str
    target: str
    kind: str
    properties: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes and edges of one project; ``id`` is the project's."""

    id: str
    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
