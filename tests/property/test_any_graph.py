"""Whatever the graph, and whatever fails: every step that may run does, once, after all that it needs."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from projects.planning.compiling import Wave, compile_wave, windows
from projects.planning.graph import Graph, Node, graph
from projects.planning.readiness import Standing, assess
from projects.states import StepState


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Acyclic graphs of up to twelve steps, some conditional, some whose failure does not matter."""
    size = draw(st.integers(1, 12))
    nodes = []
    for index in range(size):
        earlier = [f"s{n}" for n in range(index)]
        needs = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=3)) if earlier else []
        nodes.append(
            Node(
                f"s{index}",
                StepState.PENDING,
                tuple(needs),
                draw(st.sampled_from(["cpu", "io"])),
                draw(st.sampled_from(["fail", "continue", "skip_dependents"])),
                conditional=draw(st.booleans()),
            )
        )
    return graph(nodes)


def with_states(present: Graph, **states: StepState) -> Graph:
    return graph(replace(node, state=states.get(node.key, node.state)) for node in present.nodes)


@given(graphs())
def test_a_wave_holds_each_ready_step_once_and_no_step_before_its_needs(present: Graph) -> None:
    wave = compile_wave(present, assess(present).ready)

    sent = [key for branch in wave.branches for key in branch.steps]
    assert len(sent) == len(set(sent))
    assert {branch.steps[0] for branch in wave.branches} == set(assess(present).ready)
    for branch in wave.branches:
        for before, after in zip(branch.steps, branch.steps[1:], strict=False):
            assert present.by_key[after].needs == (before,)
            assert not present.by_key[after].conditional
        for leg in branch.legs:
            assert {present.by_key[key].pool for key in leg.steps} == {leg.pool}


@given(st.integers(0, 500), st.integers(0, 300), st.integers(1, 100))
def test_a_window_is_never_overrun_and_never_idle(waiting: int, in_flight: int, limit: int) -> None:
    sizes = windows(waiting, in_flight, limit)

    assert sum(sizes) <= waiting
    assert in_flight >= limit or in_flight + sum(sizes) <= limit
    if waiting and in_flight == 0:
        assert sizes, "nothing is in flight and nothing is sent: the list would stand still"


class Run(RuleBasedStateMachine):
    """An engine of its own: waves are sent, steps end in any order, advance looks when the wave says so, or late."""

    @initialize(present=graphs(), seed=st.integers())
    def begin(self, present: Graph, seed: int) -> None:
        self.present = present
        self.rng = random.Random(seed)
        self.ran: list[str] = []
        self.waves: list[tuple[Wave, set[str]]] = []
        self.advance()

    def advance(self) -> None:
        """What the service does: settle, then send what is ready."""
        while True:
            readiness = assess(self.present)
            for key, _need in readiness.skip:
                self.present = with_states(self.present, **{key: StepState.SKIPPED})
            if not readiness.skip:
                break
        if readiness.standing is not Standing.OPEN or not readiness.ready:
            return
        wave = compile_wave(self.present, readiness.ready)
        self.present = with_states(self.present, **dict.fromkeys(readiness.ready, StepState.READY))
        self.waves.append((wave, {key for branch in wave.branches for key in branch.steps}))

    @precondition(lambda self: self.startable())
    @rule(fails=st.booleans())
    def a_step_runs(self, fails: bool) -> None:
        key = self.rng.choice(self.startable())
        node = self.present.by_key[key]
        assert all(self.present.by_key[need].lets_through for need in node.needs), f"{key} ran before its needs"
        assert key not in self.ran, f"{key} ran twice"
        self.ran.append(key)
        ended = StepState.FAILED if fails else StepState.COMPLETED
        self.present = with_states(self.present, **{key: ended})
        if fails or self.ends_a_waking_branch(key) or self.a_wave_is_over():
            self.advance()

    @rule()
    def recovery_looks(self) -> None:
        self.advance()

    def startable(self) -> list[str]:
        """Ready steps, and the next of a leg whose step before is completed."""
        found = [node.key for node in self.present.nodes if node.state is StepState.READY]
        for wave, _ in self.waves:
            for branch in wave.branches:
                for before, after in zip(branch.steps, branch.steps[1:], strict=False):
                    done = self.present.by_key[before].state is StepState.COMPLETED
                    if done and self.present.by_key[after].state is StepState.PENDING:
                        found.append(after)
        return found

    def ends_a_waking_branch(self, key: str) -> bool:
        return any(branch.steps[-1] == key and branch.wakes for wave, _ in self.waves for branch in wave.branches)

    def a_wave_is_over(self) -> bool:
        return any(all(self.present.by_key[key].is_over for key in keys) for _, keys in self.waves)

    @invariant()
    def nothing_stands_still(self) -> None:
        if not hasattr(self, "present") or self.startable():
            return
        standing = assess(self.present).standing
        assert standing is not Standing.OPEN, f"nothing can run, and the phase is not over: {self.present}"


TestRun = Run.TestCase
TestRun.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
