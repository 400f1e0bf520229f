"""A phase as a graph of steps, as the decisions see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from projects.states import STEP, StepState


@dataclass(frozen=True, slots=True)
class Node:
    """A step of the phase's present round; the items of a ``for_each`` are no nodes, their parent is.

    ``conditional`` says that the engine has to evaluate something before it may run: a condition or a list of items.
    ``lets_through`` is true also of a step that was skipped by its own condition or passed over by an operator, and of
    one that failed where the blueprint says go on: what needs it may run all the same.
    """

    key: str
    state: StepState
    needs: tuple[str, ...] = ()
    pool: str = "cpu"
    on_failure: str = "fail"
    conditional: bool = False
    skipped_by_condition: bool = False
    passed_over: bool = False
    in_flight: bool = False

    @property
    def is_over(self) -> bool:
        """Whether its state is terminal."""
        return self.state in STEP.terminal

    @property
    def lets_through(self) -> bool:
        """Whether a step that needs this one may run."""
        if self.state is StepState.COMPLETED:
            return True
        if self.state is StepState.SKIPPED:
            return self.skipped_by_condition or self.passed_over
        return self.state is StepState.FAILED and self.on_failure == "continue"


@dataclass(frozen=True)
class Graph:
    """The nodes of a phase in the order of the blueprint, and who needs whom."""

    nodes: tuple[Node, ...]

    @cached_property
    def by_key(self) -> Mapping[str, Node]:
        """Each node under its key."""
        return MappingProxyType({node.key: node for node in self.nodes})

    @cached_property
    def dependents(self) -> Mapping[str, tuple[str, ...]]:
        """Keys of the nodes that need each node, in the blueprint's order."""
        found: dict[str, list[str]] = {node.key: [] for node in self.nodes}
        for node in self.nodes:
            for need in node.needs:
                found[need].append(node.key)
        return MappingProxyType({key: tuple(keys) for key, keys in found.items()})

    def unmet(self, node: Node) -> frozenset[str]:
        """The needs of a node that do not let it through yet."""
        return frozenset(need for need in node.needs if not self._is_through(self.by_key[need]))

    def _is_through(self, node: Node) -> bool:
        """A step may be passed over long before its turn: what comes after must not overtake what came before it."""
        border, seen = [node] if node.passed_over else [], {node.key}
        while border:
            for need in border.pop().needs:
                before = self.by_key[need]
                if not before.is_over:
                    return False
                if before.passed_over and need not in seen:
                    seen.add(need)
                    border.append(before)
        return node.lets_through


def graph(nodes: Iterable[Node]) -> Graph:
    """A graph of the nodes. Raises ``KeyError`` where a node needs one that is not there."""
    built = Graph(tuple(nodes))
    built.dependents  # noqa: B018 every need is looked up once, here
    return built
