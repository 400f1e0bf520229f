"""Which steps of a phase may run now, which never will, and how the phase stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from projects.planning.graph import Graph, Node
from projects.states import StepState


class Standing(Enum):
    """How a phase stands, seen from its steps."""

    OPEN = "steps run, or may run"
    FAILING = "a step failed it, and others still run"
    FAILED = "a step failed it, and nothing runs any more"
    DONE = "every step is over, and none failed it"


@dataclass(frozen=True, slots=True)
class Readiness:
    """What is to be done about the steps of a phase.

    ``ready`` holds keys of pending steps whose needs are met, in the blueprint's order; ``skip`` pairs of a key and
    the need that did not complete; ``standing`` how the phase stands if nothing of it changes.
    """

    standing: Standing
    ready: tuple[str, ...] = ()
    skip: tuple[tuple[str, str], ...] = ()


def assess(graph: Graph) -> Readiness:
    """Decide from the states of a phase's steps.

    A failed step whose ``on_failure`` is ``fail`` fails the phase: nothing new starts, what runs may finish. One with
    ``skip_dependents`` takes those that need it, and those that need them, out of the phase.
    """
    if any(node.state is StepState.FAILED and node.on_failure == "fail" for node in graph.nodes):
        runs = any(node.state is StepState.RUNNING or node.state is StepState.WAITING for node in graph.nodes)
        return Readiness(Standing.FAILING if runs else Standing.FAILED)
    pending = [node for node in graph.nodes if node.state is StepState.PENDING]
    skip = tuple((node.key, need) for node in pending if (need := _stopped_by(graph, node)))
    skipped = {key for key, _ in skip}
    ready = tuple(node.key for node in pending if node.key not in skipped and not graph.unmet(node))
    over = all(node.is_over for node in graph.nodes)
    return Readiness(Standing.DONE if over else Standing.OPEN, ready, skip)


def _stopped_by(graph: Graph, node: Node) -> str | None:
    """The first need of a node that ended without letting it through."""
    for need in node.needs:
        before = graph.by_key[need]
        if before.is_over and not before.lets_through:
            return need
    return None
