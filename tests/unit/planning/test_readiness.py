"""Which steps may run, which never will, and how the phase stands."""

from __future__ import annotations

from projects.planning.graph import Node, graph
from projects.planning.readiness import Standing, assess
from projects.states import StepState as S


def test_a_step_is_ready_when_all_that_it_needs_is_completed() -> None:
    phase = graph(
        [
            Node("a", S.COMPLETED),
            Node("b", S.RUNNING),
            Node("c", S.PENDING, ("a",)),
            Node("d", S.PENDING, ("a", "b")),
        ]
    )

    assert assess(phase).ready == ("c",)
    assert assess(phase).standing is Standing.OPEN


def test_a_failed_step_fails_its_phase_once_nothing_runs_any_more() -> None:
    failed = Node("a", S.FAILED)
    assert assess(graph([failed, Node("b", S.RUNNING)])).standing is Standing.FAILING
    assert assess(graph([failed, Node("b", S.WAITING)])).standing is Standing.FAILING
    assert assess(graph([failed, Node("b", S.PENDING)])).standing is Standing.FAILED
    assert assess(graph([failed, Node("b", S.PENDING)])).ready == ()


def test_after_a_failure_that_does_not_matter_the_dependents_run() -> None:
    phase = graph([Node("a", S.FAILED, on_failure="continue"), Node("b", S.PENDING, ("a",))])

    assert assess(phase).ready == ("b",)


def test_a_failure_can_take_its_dependents_out_of_the_phase_and_theirs() -> None:
    phase = graph(
        [
            Node("a", S.FAILED, on_failure="skip_dependents"),
            Node("b", S.PENDING, ("a",)),
            Node("c", S.PENDING, ("b",)),
            Node("d", S.PENDING),
        ]
    )

    assert assess(phase).skip == (("b", "a"),)
    assert assess(phase).ready == ("d",)

    after = graph([*phase.nodes[:1], Node("b", S.SKIPPED, ("a",)), *phase.nodes[2:]])
    assert assess(after).skip == (("c", "b"),)


def test_a_step_skipped_by_its_own_condition_lets_others_through() -> None:
    phase = graph([Node("a", S.SKIPPED, skipped_by_condition=True), Node("b", S.PENDING, ("a",))])

    assert assess(phase).ready == ("b",)


def test_a_phase_is_done_when_every_step_is_over() -> None:
    phase = graph([Node("a", S.COMPLETED), Node("b", S.SKIPPED), Node("c", S.FAILED, on_failure="continue")])

    assert assess(phase).standing is Standing.DONE


def test_a_step_that_was_passed_over_lets_others_through_once_all_before_it_is_over() -> None:
    #   a → b (passed over) → c (passed over) → d
    over = {"passed_over": True}

    def phase(a: S) -> tuple[str, ...]:
        nodes = [Node("a", a), Node("b", S.SKIPPED, ("a",), **over), Node("c", S.SKIPPED, ("b",), **over)]
        return assess(graph([*nodes, Node("d", S.PENDING, ("c",))])).ready

    assert phase(S.RUNNING) == ()
    assert phase(S.COMPLETED) == ("d",)


def test_a_step_that_was_passed_over_stands_in_for_what_failed_before_it() -> None:
    failed = Node("a", S.FAILED, on_failure="skip_dependents")
    phase = graph([failed, Node("b", S.SKIPPED, ("a",), passed_over=True), Node("c", S.PENDING, ("b",))])

    assert assess(phase).ready == ("c",)
    assert assess(phase).skip == ()
