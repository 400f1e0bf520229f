"""A test here reads like a picture: the graph is drawn, and so is the wave that it compiles to."""

from __future__ import annotations

import itertools

import pytest

from projects.planning.compiling import compile_wave, windows
from projects.planning.graph import Graph, Node, graph
from projects.planning.readiness import assess
from projects.states import StepState

STATES = {"*": StepState.COMPLETED, "!": StepState.FAILED, "~": StepState.RUNNING, "?": StepState.PENDING}


def picture(text: str) -> Graph:
    """``a* -> b, b -> c`` : b needs a, which is completed. ``x@io`` runs in the pool io, ``x?`` has a condition."""
    states: dict[str, StepState] = {}
    pools: dict[str, str] = {}
    conditional: set[str] = set()
    needs: dict[str, list[str]] = {}

    def name(token: str) -> str:
        token, _, pool = token.strip().partition("@")
        bare = token.rstrip("*!~?")
        needs.setdefault(bare, [])
        if token.endswith("?"):
            conditional.add(bare)
        elif token != bare:
            states[bare] = STATES[token[-1]]
        if pool:
            pools[bare] = pool
        return bare

    for edge in text.split(","):
        names = [name(part) for part in edge.split("->")]
        for before, after in itertools.pairwise(names):
            needs[after].append(before)
    return graph(
        Node(
            key,
            states.get(key, StepState.PENDING),
            tuple(wanted),
            pools.get(key, "cpu"),
            conditional=key in conditional,
        )
        for key, wanted in needs.items()
    )


@pytest.mark.parametrize(
    ("drawn", "wave"),
    [
        # one step alone calls advance itself
        ("a", "cpu(a) ↑"),
        # a chain is one branch and one message
        ("a -> b -> c", "cpu(a → b → c) ↑"),
        # what has been done is not sent again
        ("a* -> b -> c", "cpu(b → c) ↑"),
        # the pool changes: two legs of one branch
        ("a -> b@io -> c@io -> d", "cpu(a) ⇒ io(b → c) ⇒ cpu(d) ↑"),
        # two ties after a: the branch ends at the fork
        ("a -> b, a -> c", "cpu(a) ↑"),
        # side by side; nothing follows that could start before both have ended
        ("a -> c, b -> c", "cpu(a)\ncpu(b)"),
        # d needs only b, e needs both: the branch of b goes on by itself to d, and ends at the join
        ("a -> e, b -> d, d -> e", "cpu(a)\ncpu(b → d)"),
        # b forks into c and d, which need not wait for a: b wakes advance early, a does not
        ("a -> e, b -> c, b -> d, c -> e, d -> e", "cpu(a)\ncpu(b) ↑"),
        # the join of a and b need not wait for x
        ("a -> c, b -> c, x", "cpu(a) ↑\ncpu(b) ↑\ncpu(x)"),
        # a condition is evaluated by advance, not inside a leg
        ("a -> b?", "cpu(a) ↑"),
    ],
)
def test_a_phase_compiles_to_the_wave_that_is_drawn_beside_it(drawn: str, wave: str) -> None:
    drawn_graph = picture(drawn)

    assert str(compile_wave(drawn_graph, assess(drawn_graph).ready)) == wave


@pytest.mark.parametrize(
    ("waiting", "in_flight", "limit", "groups"),
    [
        (0, 0, 10, ()),
        (500, 0, 10, (5, 5)),  # two groups: while one is worked at, the other waits its turn
        (500, 5, 10, (5,)),
        (500, 10, 10, ()),
        (500, 7, 10, ()),  # a half-ended group is not filled up: its end will bring the next
        (3, 0, 10, (3,)),
        (3, 8, 10, ()),
        (2, 8, 10, (2,)),
        (7, 0, 1, (1,)),
        (7, 1, 1, ()),
        (7, 0, 3, (2,)),
    ],
)
def test_only_a_window_of_a_long_list_is_in_flight(
    waiting: int, in_flight: int, limit: int, groups: tuple[int, ...]
) -> None:
    assert windows(waiting, in_flight, limit) == groups
